// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <memory>

#include "../event_backend.hpp"
#include "link.hpp"
#include "socket.hpp"

namespace statchan::detail {

/// Joins the multicast group of events on a socket of its own, and the one in which the kernel
/// tells which families come and go.
[[nodiscard]] Result<std::unique_ptr<EventBackend>> open_netlink_events(SocketFactory factory);

/// Events by multicast. A module that is unloaded puts its listeners out of the group, for ever and
/// without a word; the kernel's own group tells, so that this ends with an error instead.
class NetlinkEvents final : public EventBackend, private Receiver {
  public:
    /// @p link: of a socket that does not wait and is in both groups.
    explicit NetlinkEvents(Link link) noexcept : link_{std::move(link)} {}

    [[nodiscard]] int fd() const noexcept override { return link_.socket().fd(); }
    [[nodiscard]] Result<std::optional<Event>> next(nanoseconds timeout) override;

  private:
    bool on_message(const Message& message) override;
    void on_verdict(const Verdict& verdict) override;
    [[nodiscard]] Result<void> drain();
    [[nodiscard]] Result<void> ask();

    Link link_;
    std::deque<Event> waiting_;
    bool unsure_ = false;  // that the module goes may have been among what the socket lost
    bool gone_ = false;    // the module
};

}  // namespace statchan::detail
