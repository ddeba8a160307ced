// SPDX-License-Identifier: MIT
//
// What became of every record: produced = accepted + filtered + lost before, and
// accepted = received + in flight + lost after, exactly, for each channel and CPU.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <statchan/export.hpp>
#include <string>
#include <vector>

namespace statchan {

/// Why a record was lost: before the channel accepted it, or after.
enum class LostReason : std::uint32_t {
    ring_full = 0,       ///< before: the consumer was too slow
    no_memory = 1,       ///< before: an allocation in the kernel failed
    oversize = 2,        ///< before: the record is larger than the buffer
    socket_overrun = 3,  ///< after: the receive buffer of the socket was full
    consumer_gone = 4,   ///< before: the BPF program of the channel is not there
    overwritten = 5,     ///< after: Mode::overwrite, the oldest went
    injected = 6,        ///< before: by the faults switch
    /// Never in a ledger, only in gaps: the kernel's notice of a loss was itself lost, in a socket
    /// or by Mode::overwrite. The kernel's ledger knows the reasons.
    unreported = 255,
};

/// Reasons there is room for; those without a name above are the kernel's future ones.
inline constexpr std::size_t lost_reasons = 8;

/// "ring_full", ...; "reason_7" for one this library does not know.
[[nodiscard]] STATCHAN_API std::string to_string(LostReason r);

/// A number that may be unavailable, because this transport can not know it. Never 0 instead.
using Count = std::optional<std::uint64_t>;

/// Losses by LostReason.
using LostCounts = std::array<Count, lost_reasons>;

/// The kernel's account of one channel on one CPU.
struct STATCHAN_API LedgerEntry {
    std::uint32_t cpu = 0;
    Count first_seq{};  ///< of the first record that the channel was offered, and
    Count next_seq{};   ///< of the one after the last; both unavailable before the first
    Count produced{};   ///< records the source emitted while this channel listened
    Count accepted{};   ///< handed to the transport
    Count filtered{};   ///< left out by the channel's own sampling
    Count truncated{};  ///< of the accepted, those cut to snaplen
    Count wakeups{};    ///< notifications sent to the consumer
    Count consumed{};   ///< taken by the consumer, where the kernel can know
    Count bytes{};      ///< of the accepted and of the losses told, with heads and padding
    LostCounts lost{};

    /// Sum of the available losses.
    [[nodiscard]] std::uint64_t lost_total() const noexcept;
    /// Of those, the losses before the channel accepted.
    [[nodiscard]] std::uint64_t lost_before() const noexcept;
    /// produced == accepted + filtered + lost_before(), at every moment; false when one of them
    /// is unavailable.
    [[nodiscard]] bool adds_up() const noexcept;
};

/// The kernel's account and the library's, of one stream on one CPU.
struct STATCHAN_API StreamLedgerEntry : LedgerEntry {
    std::uint64_t received = 0;  ///< samples handed out in batches
    std::uint64_t gaps = 0;      ///< gap items handed out in batches
    /// Records those gaps stood for, by reason. The kernel's reasons repeat `lost`; socket_overrun
    /// and overwritten are counted here, because only the reader can know.
    std::array<std::uint64_t, lost_reasons> gap_records{};
    std::uint64_t unreported = 0;        ///< records that gaps of LostReason::unreported stood for
    std::uint64_t gaps_unexplained = 0;  ///< records missing between two that no gap accounts for
    std::uint64_t out_of_order = 0;      ///< records whose seq did not increase
    /// Accepted by a shared channel before this stream joined it: not ours to receive.
    std::uint64_t accepted_before = 0;

    /// Accepted and not lost on the way, but not yet received. 0 at rest, after the reader has
    /// drained the stream; anything else then is a fault. Unavailable if `accepted` is. On the
    /// netlink transports what the socket lost after the last message that came stays here until
    /// the next message of that CPU, or the end of the stream, tells of it.
    [[nodiscard]] Count in_flight() const noexcept;

    /// Nothing is wrong, and at rest: adds_up(), nothing in flight, nothing missing without a gap
    /// that tells of it, nothing out of order.
    [[nodiscard]] bool closes() const noexcept;

    /// Adds another account of the same CPU: what one channel carried, another goes on with.
    StreamLedgerEntry& operator+=(const StreamLedgerEntry& other) noexcept;
};

/// The account of a stream.
struct STATCHAN_API Ledger {
    std::vector<StreamLedgerEntry> cpus{};
    bool end_of_stream = false;  ///< the source is gone, or the stream was stopped
    /// Netlink: messages that the socket threw away, by its own count, or that could not be
    /// received. What was in them is in
    /// the entries, under socket_overrun and unreported.
    Count socket_drops{};

    /// All CPUs together; `cpu` and the sequence numbers are meaningless. A count is unavailable
    /// if it is on any CPU.
    [[nodiscard]] StreamLedgerEntry total() const noexcept;

    /// All CPUs close, and no records are said to be lost in a socket that threw no message away.
    /// It may throw away messages without a record: the end of a stream is one.
    [[nodiscard]] bool closes() const noexcept;

    /// Adds what another channel of the same stream carried.
    Ledger& operator+=(const Ledger& other);
};

}  // namespace statchan
