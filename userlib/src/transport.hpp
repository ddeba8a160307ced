// SPDX-License-Identifier: MIT
//
// What a transport is to the library; docs/architecture.md says what a new one needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <statchan/client.hpp>
#include <string>
#include <string_view>

#include "control.hpp"
#include "event_backend.hpp"
#include "fail.hpp"
#include "live_backend.hpp"
#include "stream_backend.hpp"

namespace statchan::detail {

/// A source that the Client has looked up.
struct SourceRef {
    std::uint32_t id;
    std::string_view name{};   ///< for errors
    std::uint64_t n_counters;  ///< as last heard: a hint for the size of buffers
};

/// An image as it came: unchecked, and the memory it lies in.
struct RawSnapshot {
    std::span<const std::byte> image{};
    std::shared_ptr<const void> memory{};
    std::optional<std::uint64_t> digest{};
};

/// One way across the boundary. Not thread-safe. What it makes lives on without it. Only what
/// the table says it is capable of is ever asked for; the rest stays as it is here.
class Transport {
  public:
    virtual ~Transport() = default;

    /// Owned by the transport.
    virtual Control& control() = 0;

    /// errc::no_such_source if the id is not (or no longer) known.
    virtual Result<RawSnapshot> snapshot(const SourceRef& source, const SnapshotOptions& options);

    /// Opens a live snapshot and maps it.
    virtual Result<std::unique_ptr<LiveBackend>> live(const SourceRef& source,
                                                      std::shared_ptr<const Schema> schema,
                                                      nanoseconds period);

    /// Opens a channel. @p config has been checked for what the library itself must check.
    /// @p follows: the channel that it continues, or 0.
    virtual Result<std::unique_ptr<StreamBackend>> subscribe(const SourceRef& source,
                                                             const ChannelConfig& config,
                                                             std::uint32_t follows);

    /// Joins the events. By netlink, unless the transport has a better way.
    virtual Result<std::unique_ptr<EventBackend>> events();
};

/// A line of the table of transports.
struct TransportEntry {
    const char* name;
    Capabilities capabilities{};
    Result<std::unique_ptr<Transport>> (*open)(const ClientOptions& options);
    /// As TransportInfo::unusable; nullptr: usable wherever the module is.
    std::string (*unusable)() = nullptr;
};

/// The table, in the order shown to users.
[[nodiscard]] std::span<const TransportEntry> transport_table() noexcept;

/// Names of those in the table that have the capability: "ioctl, netlink".
[[nodiscard]] std::string transports_with(Capability capability);

Result<std::unique_ptr<Transport>> open_ioctl(const ClientOptions& options);
Result<std::unique_ptr<Transport>> open_read(const ClientOptions& options);
Result<std::unique_ptr<Transport>> open_procfs(const ClientOptions& options);
Result<std::unique_ptr<Transport>> open_netlink(const ClientOptions& options);
Result<std::unique_ptr<Transport>> open_netlink_nl(const ClientOptions& options);
Result<std::unique_ptr<Transport>> open_relay(const ClientOptions& options);
Result<std::unique_ptr<Transport>> open_mmap(const ClientOptions& options);
Result<std::unique_ptr<Transport>> open_bpf(const ClientOptions& options);
std::string bpf_unusable();

}  // namespace statchan::detail
