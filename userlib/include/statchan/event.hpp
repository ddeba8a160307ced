// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <statchan/error.hpp>
#include <statchan/export.hpp>
#include <statchan/time.hpp>
#include <string>
#include <string_view>

namespace statchan {

namespace detail {
class EventBackend;
}

enum class EventType : std::uint32_t {
    overrun = 0,  ///< by the library: the socket was full, events were lost; look again
    source_added = 1,
    source_gone = 2,
    source_changed = 3,  ///< parameters or sampling rate
    channel_opened = 4,
    channel_closed = 5,
    threshold = 6,  ///< raised by a source
};

/// "source_added", ...; "event_9" for one this library does not know.
[[nodiscard]] STATCHAN_API std::string to_string(EventType t);

/// A rare notification.
struct Event {
    EventType type = EventType::overrun;
    Time time{};
    std::uint32_t source = 0;   ///< id, 0 if it concerns none
    std::string source_name{};  ///< empty if the kernel did not say
    std::uint32_t channel = 0;  ///< id, 0 if it concerns none
    std::string text{};         ///< for people
};

/// Events of this network namespace. Made by Client::events(), independent of it afterwards. On
/// every transport these arrive by netlink. Not thread-safe.
///
/// It does not hold the kernel module, and ends with it: after the last event next() returns
/// errc::module_not_loaded, from then on at every call. Events of a module that is loaded again are
/// for those who ask anew.
class STATCHAN_API EventStream {
  public:
    explicit EventStream(std::unique_ptr<detail::EventBackend> backend) noexcept;
    EventStream(EventStream&&) noexcept;
    EventStream& operator=(EventStream&&) noexcept;
    ~EventStream();

    /// The next event; nothing when the time is up or a signal came. 0 does not wait, a negative
    /// timeout waits for ever.
    [[nodiscard]] Result<std::optional<Event>> next(nanoseconds timeout);

    /// For epoll or poll; after it reports readable, call next(0) until it returns nothing.
    [[nodiscard]] int fd() const noexcept;

  private:
    std::unique_ptr<detail::EventBackend> backend_;
};

}  // namespace statchan
