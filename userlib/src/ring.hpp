// SPDX-License-Identifier: MIT
//
// The consumer's side of one CPU's ring. Layout and protocol: "shared memory of the mmap
// transport" in <linux/statchan.h>.
#pragma once

#include <linux/statchan.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "fail.hpp"
#include "shared.hpp"

namespace statchan::detail {

/// Sizes of a ring, checked once.
struct RingLayout {
    std::size_t page = 0;
    std::size_t data = 0;      ///< bytes, a power of two; mapped twice in a row
    std::uint64_t stride = 0;  ///< from one CPU's ring to the next, for mmap()

    /// Where a CPU's ring begins, for mmap(): of many large ones far beyond 32 bits.
    [[nodiscard]] std::uint64_t offset_of(std::uint32_t cpu) const noexcept {
        return STATCHAN_MMAP_RING + cpu * stride;
    }

    [[nodiscard]] static Result<RingLayout> make(const statchan_channel_req& answer, Task task);
};

/// Reads one ring in place. Nothing that the producer's page says is believed: what it can do
/// is end the stream with an error.
class Ring {
  public:
    /// @p consumer: the consumer page, writable; @p producer: the producer page, then the data
    /// twice. Both stay as long as this.
    Ring(const RingLayout& layout, std::uint32_t cpu, std::byte* consumer,
         const std::byte* producer) noexcept
        : consumer_{consumer},
          producer_{producer},
          data_{producer + layout.page},
          size_{layout.data},
          pos_{load_relaxed<std::uint64_t>(consumer + offsetof(statchan_ring_consumer, pos))},
          cpu_{cpu} {}

    [[nodiscard]] std::uint32_t cpu() const noexcept { return cpu_; }

    /// No record follows those before head. Ask before readable().
    [[nodiscard]] bool ended() const noexcept {
        constexpr auto at = offsetof(statchan_ring_producer, flags);
        return (load_acquire<std::uint32_t>(producer_ + at) & STATCHAN_RING_EOS) != 0;
    }

    /// By the wakeup policy there is something to read.
    [[nodiscard]] bool announced() const noexcept {
        constexpr auto at = offsetof(statchan_ring_producer, announced);
        return static_cast<std::int64_t>(load_relaxed<std::uint64_t>(producer_ + at) - pos_) > 0;
    }

    /// The whole records there are, announced or not. Partner of the acquire: the kernel's
    /// store-release of head after each record.
    [[nodiscard]] Result<std::span<const std::byte>> readable(Task task) noexcept {
        constexpr auto at = offsetof(statchan_ring_producer, head);
        const auto there = load_acquire<std::uint64_t>(producer_ + at) - pos_;
        if (there > size_ || (there | pos_) % STATCHAN_ALIGN != 0) [[unlikely]]
            return bad_head(there, task);
        drained_ = there == 0;
        return std::span{data_ + (pos_ & (size_ - 1)), static_cast<std::size_t>(there)};
    }

    /// What copy() got.
    struct Copied {
        std::span<std::byte> bytes{};  ///< begins with a whole record; the last may be cut
        std::uint64_t lost = 0;        ///< sample records overwritten since the last take()
    };

    /// Mode overwrite: copies what fits of the oldest records out, as they may be overwritten
    /// while they are read. Partners of the barriers: ring_evict() in the kernel's ring.c.
    [[nodiscard]] Result<Copied> copy(std::span<std::byte> to, Task task);

    /// Mode overwrite: as take(), and how many samples that was.
    void take(std::size_t bytes, std::size_t samples) noexcept {
        pos_ += bytes;
        index_ += samples;
    }

    /// Of what readable() showed, so many bytes are in use until give_back().
    void take(std::size_t bytes) noexcept { pos_ += bytes; }

    /// The last readable() showed nothing.
    [[nodiscard]] bool drained() const noexcept { return drained_; }

    /// All that was taken may be overwritten. Partner of the release: the kernel's load-acquire
    /// of pos before it writes.
    void give_back() noexcept {
        if (given_ == pos_) return;
        given_ = pos_;
        store_release(consumer_ + offsetof(statchan_ring_consumer, pos), pos_);
    }

  private:
    /// The oldest record there is.
    struct Oldest {
        std::uint64_t pos;
        std::uint64_t index;  ///< samples before it
    };
    [[nodiscard]] Result<Oldest> oldest(Task task) const;
    /// If what comes next is gone: goes on with the oldest. Returns the samples lost by it.
    [[nodiscard]] Result<std::uint64_t> catch_up(Task task);
    [[nodiscard]] Fail bad_head(std::uint64_t there, Task task) const;

    std::byte* consumer_;
    const std::byte* producer_;
    const std::byte* data_;
    std::uint64_t size_;
    std::uint64_t pos_;           // our own copy: the page is writable by others in the process
    std::uint64_t given_ = pos_;  // what the kernel was told
    std::uint64_t index_ = 0;     // mode overwrite: samples before pos_
    std::uint32_t cpu_;
    bool drained_ = false;
};

}  // namespace statchan::detail
