// SPDX-License-Identifier: MIT
#pragma once

#include <linux/statchan.h>

#include <chrono>
#include <memory>
#include <optional>

#include "../fd.hpp"
#include "../stream_backend.hpp"
#include "../transport.hpp"
#include "control.hpp"
#include "link.hpp"
#include "positions.hpp"

namespace statchan::detail {

/// What is asked for: of which source, how, and continuing which channel (0: none).
struct Subscription {
    const SourceRef& source;
    const ChannelConfig& config;
    std::uint32_t follows;
};

/// Opens a channel on a socket of its own, joins its multicast group and notes where it joined.
/// @p transport: name in the table. @p family: as the client resolved it.
[[nodiscard]] Result<std::unique_ptr<StreamBackend>> open_netlink_stream(
    std::string_view transport, SocketFactory factory, const Family& family, std::uint32_t nr_cpus,
    const Subscription& wanted);

/// A descriptor that is readable when a socket is, and from a set time on. A socket alone does not
/// say what its stream has still to tell when nothing is in it any more.
class Readiness {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr Time at_once{};
    static constexpr Time never = Time::max();

    [[nodiscard]] static Result<Readiness> of(int socket, Task task);

    [[nodiscard]] int fd() const noexcept { return both_.get(); }
    /// From then on, until it is set anew. A system call only if it was another time before.
    [[nodiscard]] Result<void> set(Time from, Task task);
    [[nodiscard]] Time from() const noexcept { return from_; }

  private:
    Readiness(Fd both, Fd timer) noexcept : both_{std::move(both)}, timer_{std::move(timer)} {}

    Fd both_;   // epoll, of the socket and
    Fd timer_;  // which is never read, so it stays expired
    Time from_ = never;
};

/// Samples by multicast. Whatever the socket loses becomes a gap in the place where it was lost.
class NetlinkStream final : public StreamBackend, private Receiver {
  public:
    /// @p link: of the socket that has the channel and is in the group. @p asking: another. @p
    /// ended: the channel had ended when we joined.
    [[nodiscard]] static Result<std::unique_ptr<StreamBackend>> make(StreamIdentity identity,
                                                                     Link link, Link asking,
                                                                     Positions positions,
                                                                     bool ended);

    [[nodiscard]] int fd() const noexcept override { return readiness_.fd(); }
    [[nodiscard]] Result<void> stop() override {
        return run(STATCHAN_CMD_CHANNEL_STOP, "stop the stream of");
    }
    [[nodiscard]] Result<void> start() override {
        return run(STATCHAN_CMD_CHANNEL_START, "switch the transport of");
    }

  protected:
    [[nodiscard]] Result<Flow> collect() override;
    [[nodiscard]] bool announced() const noexcept override { return has_to_tell(); }
    // The times are patience()'s.
    [[nodiscard]] int waits_for() const noexcept override { return link_.socket().fd(); }
    void give_back() noexcept override;
    [[nodiscard]] Result<Ledger> kernel_ledger() override;
    [[nodiscard]] nanoseconds patience() const noexcept override;

  private:
    NetlinkStream(StreamIdentity identity, Link link, Link asking, Positions positions, bool ended,
                  Readiness readiness);
    bool on_message(const Message& message) override;
    void on_verdict(const Verdict&) override {}
    void receive();
    // An error or the end, though nothing may be in the socket.
    [[nodiscard]] bool has_to_tell() const noexcept {
        return trouble_ || end_ == End::told || end_ == End::reached;
    }
    [[nodiscard]] Readiness::Time readable_from() const noexcept;
    [[nodiscard]] Result<void> samples(const Attrs& attrs);
    [[nodiscard]] Result<void> find_beginning(std::uint32_t cpu);
    [[nodiscard]] Result<void> finish();
    [[nodiscard]] Result<void> finish_cpu(const LedgerEntry& entry);
    [[nodiscard]] Result<void> look_for_end();
    [[nodiscard]] Result<NetlinkLedger> ask_ledger();
    [[nodiscard]] Result<void> run(std::uint8_t cmd, std::string_view verb);

    Link link_;
    Link asking_;  // for the ledger, in the same network namespace
    Positions positions_;
    Readiness readiness_;
    std::uint64_t not_received_ = 0;  // messages: no memory, no room, or a failed copy
    std::optional<Error> trouble_;    // found in a message that was being received
    bool overrun_ = false;            // the socket has lost something, once
    // After an overrun the end-of-stream message itself may be what was lost.
    enum class End { untroubled, unsure, suspected, told, reached } end_;
    std::chrono::steady_clock::time_point suspected_{};
};

}  // namespace statchan::detail
