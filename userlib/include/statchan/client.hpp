// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <statchan/error.hpp>
#include <statchan/event.hpp>
#include <statchan/export.hpp>
#include <statchan/ledger.hpp>
#include <statchan/snapshot.hpp>
#include <statchan/stream.hpp>
#include <statchan/types.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace statchan {

/// How to open a Client.
struct ClientOptions {
    /// Name of the transport. Empty: $STATCHAN_TRANSPORT, else default_transport.
    std::string transport{};
    /// Path of the character device. Empty: /dev/statchan. The netlink transports never use it.
    std::string device{};
};

inline constexpr std::string_view default_transport = "mmap";

/// The transports built into this library and what each can do, in a fixed order. Needs no
/// kernel module.
[[nodiscard]] STATCHAN_API std::vector<TransportInfo> transports();

/// The way in: one transport, and everything that can be done over it. The transports netlink
/// and netlink-nl do all by generic netlink; the others use the character device.
///
/// Errors that any function may return: errc::permission_denied, errc::bad_data and errno's of
/// the kernel. Not thread-safe: one thread at a time. Different clients are independent, and
/// what a Client made (Snapshot, Stream, ...) lives on without it.
///
/// A Client belongs to the network namespace of the thread that opened it. subscribe(), live() and,
/// over mmap and read, snapshot() open the device (netlink: a socket) once more when they need a
/// channel: call them from a thread in that namespace, and with the right to open it. From another
/// namespace they are errc::no_such_source, without the right errc::permission_denied. A program
/// that is about to give up its rights subscribes first, or takes its snapshots over another
/// transport.
///
/// Over mmap and read a Client keeps the channels of snapshots that are gone for those that come:
/// at most 4 of a source, as many as there were snapshots at a time, and 128 in all. Each is an
/// open descriptor of the device. While a Client keeps one the module that made the source is in
/// use, and can not be removed.
///
/// Over netlink the modules may be unloaded and loaded again meanwhile. While they are gone each
/// call is errc::module_not_loaded, and errc::abi_mismatch if others came.
class STATCHAN_API Client {
  public:
    /// errc::module_not_loaded, errc::abi_mismatch, errc::unknown_transport,
    /// errc::permission_denied.
    [[nodiscard]] static Result<Client> open(const ClientOptions& options = {});

    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    /// Name of the transport in use.
    [[nodiscard]] std::string_view transport() const noexcept;
    /// What it can do. Asking for anything else gives errc::not_supported and the names of the
    /// transports that can.
    [[nodiscard]] Capabilities capabilities() const noexcept;

    /// The kernel module's version.
    [[nodiscard]] Result<Version> version() const;
    /// The transports that the kernel module offers.
    [[nodiscard]] Result<std::vector<TransportInfo>> kernel_transports() const;

    /// Sources of this network namespace, by increasing id.
    [[nodiscard]] Result<std::vector<SourceInfo>> sources() const;
    /// errc::no_such_source.
    [[nodiscard]] Result<SourceInfo> source(std::string_view name) const;
    /// Makes a source: kind "synth", "netdev", ...; params "key=value key=value". Needs
    /// CAP_NET_ADMIN. Returns what was made, with the params in force.
    Result<SourceInfo> add_source(std::string_view name, std::string_view kind,
                                  std::string_view params = {});
    /// Removes a source. Its channels end after the records already accepted. CAP_NET_ADMIN.
    Result<void> remove_source(std::string_view name);
    /// Changes params of a source; those not named stay. CAP_NET_ADMIN.
    Result<SourceInfo> set_source(std::string_view name, std::string_view params);

    /// Schema of a source. Kept by hash, so the second call costs one small question.
    [[nodiscard]] Result<std::shared_ptr<const Schema>> schema(std::string_view source);

    /// All counters of a source at one time. Every transport but relay and bpf. Over mmap and read
    /// it may open the device: see above for where and with which rights.
    [[nodiscard]] Result<Snapshot> snapshot(std::string_view source,
                                            const SnapshotOptions& options = {});

    /// A snapshot in shared memory that the kernel refreshes every @p period (0: the kernel's
    /// default, 100 ms). Only mmap. Opens the device: see above.
    [[nodiscard]] Result<LiveSnapshot> live(std::string_view source, nanoseconds period = {});

    /// Opens a channel of samples, on a descriptor of its own: see above. Needs CAP_NET_ADMIN.
    [[nodiscard]] Result<Stream> subscribe(std::string_view source,
                                           const ChannelConfig& config = {});

    /// From now on everything goes over another transport. What was made before stays as it is.
    /// Errors as of open(); then nothing has changed.
    Result<void> switch_transport(std::string_view name);

    /// The same, and moves a stream of this network namespace along, while it runs: the kernel
    /// opens the new channel and ends the old one between two records of each CPU, so none is
    /// lost by the switch and none comes twice. What the old channel has accepted comes first. Its
    /// requested() configuration is asked for again, and its ledger() spans both.
    ///
    /// Errors as of open() and subscribe(): errc::not_supported if the transport can not do what
    /// the stream does, std::errc::device_or_resource_busy if other sockets share its channel,
    /// std::errc::no_such_file_or_directory if it has ended. Then nothing has changed.
    Result<void> switch_transport(Stream& stream, std::string_view name);

    /// All channels of this network namespace, by increasing id.
    [[nodiscard]] Result<std::vector<ChannelInfo>> channels() const;
    /// The kernel's ledger of any channel, an entry per CPU.
    [[nodiscard]] Result<std::vector<LedgerEntry>> ledger(std::uint32_t channel) const;

    /// Events of this network namespace, from now on. By netlink on every transport.
    [[nodiscard]] Result<EventStream> events() const;

  private:
    struct Impl;
    explicit Client(std::unique_ptr<Impl> impl) noexcept;
    std::unique_ptr<Impl> impl_;
};

}  // namespace statchan
