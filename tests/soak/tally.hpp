// SPDX-License-Identifier: MIT
//
// What the workers count. Each writes to a slot of its own in shared memory, so that what a killed
// worker had counted is still there.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <statchan/ledger.hpp>

namespace soak {

enum class Op : std::size_t {
    open,        ///< streams opened
    refused,     ///< opens that the kernel refused for a documented reason
    switched,    ///< streams moved to another transport
    unswitched,  ///< switches refused, after which the stream went on
    closed,      ///< streams read to their end, whose books closed
    abandoned,   ///< streams closed in the middle
    overload,    ///< pauses of a reader
    overwrite,   ///< of the closed, those of mode overwrite
    snapshot,    ///< snapshots checked
    live,        ///< live snapshots checked
    kill,        ///< workers killed
    removal,     ///< sources removed
    load,        ///< changes of a source's load
    count,
};

inline constexpr std::size_t ops = static_cast<std::size_t>(Op::count);

/// Plain sums. The records are those of streams whose books closed.
struct Tally {
    std::array<std::uint64_t, ops> op{};
    std::uint64_t produced = 0;
    std::uint64_t filtered = 0;
    std::uint64_t before = 0;  ///< accepted by a shared channel before the stream joined
    std::uint64_t delivered = 0;
    std::uint64_t checked_bytes = 0;  ///< of payload
    std::array<std::uint64_t, statchan::lost_reasons> lost{};

    std::uint64_t& operator[](Op which) noexcept { return op[static_cast<std::size_t>(which)]; }
    [[nodiscard]] std::uint64_t operator[](Op which) const noexcept {
        return op[static_cast<std::size_t>(which)];
    }
    [[nodiscard]] std::uint64_t lost_total() const noexcept;
    /// Records that nobody accounts for: must be 0.
    [[nodiscard]] std::int64_t difference() const noexcept {
        return static_cast<std::int64_t>(produced - filtered - before - delivered - lost_total());
    }
    Tally& operator+=(const Tally& other) noexcept;
};

/// A worker may be killed at any instruction: it writes the half that nobody reads, then turns
/// over, so what is read was written whole.
struct Slot {
    std::array<Tally, 2> halves{};
    std::atomic<std::uint32_t> current{0};

    [[nodiscard]] Tally get() const noexcept { return halves[current.load()]; }
    void put(const Tally& tally) noexcept {
        const auto other = 1 - current.load();
        halves[other] = tally;
        current.store(other);
    }
};

inline constexpr std::size_t max_workers = 32;

/// The shared memory.
struct Board {
    std::array<Slot, max_workers> slots{};
    std::atomic<bool> stop{false};

    static Board& make();
    [[nodiscard]] Tally sum() const noexcept;
};

}  // namespace soak
