// SPDX-License-Identifier: MIT
//
// The consumer's side of a BPF ring buffer, whose layout is part of the kernel's interface
// (Documentation/bpf/ringbuf.rst): a page with the consumer's position, a page with the
// producer's, the data twice. Each record has a head of 8 bytes: its length with two flags.
//
// libbpf's own reader hands out one record per call, which is good only during that call, and moves
// the consumer's position after each. A batch would be made of copies, and the producer's next
// reservation would find the line of the position changed each time. Here a batch lies in the ring
// and the position moves once for all of it.
#pragma once

#include <linux/bpf.h>
#include <linux/statchan.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <statchan/record.hpp>

#include "fail.hpp"
#include "shared.hpp"

namespace statchan::detail {

/// Reads one ring in place. Nothing in it is believed: what it can do is end the stream with an
/// error. Of a ring that the transport bpf has filled; see struct statchan_bpf.
class BpfRing {
  public:
    /// @p consumer: the first page, writable; @p producer: the second page, then the data twice.
    /// @p size: bytes of data, a power of two. Both stay as long as this.
    BpfRing(std::size_t page, std::size_t size, std::uint32_t cpu, std::byte* consumer,
            const std::byte* producer) noexcept
        : consumer_{consumer},
          producer_{producer},
          data_{producer + page},
          size_{size},
          pos_{load_relaxed<std::uint64_t>(consumer)},
          cpu_{cpu} {}

    [[nodiscard]] std::uint32_t cpu() const noexcept { return cpu_; }

    /// The record that marks the end has been met.
    [[nodiscard]] bool ended() const noexcept { return ended_; }

    /// What next() found.
    enum class Found { nothing, record, bad };

    /// Looks where the producer is: what next() will go up to.
    [[nodiscard]] bool look() noexcept {
        head_ = load_acquire<std::uint64_t>(producer_);
        return head_ - pos_ <= size_ && (head_ | pos_) % wire::align == 0;
    }

    /// Moves over the next record, if it is complete. Partner of the acquire: the exchange in
    /// bpf_ringbuf_submit().
    [[nodiscard]] Found next(Chunk& record) noexcept {
        while (pos_ != head_) {
            const auto* at = data_ + (pos_ & (size_ - 1));
            const auto word = load_acquire<std::uint32_t>(at);
            if ((word & BPF_RINGBUF_BUSY_BIT) != 0) break;
            const std::size_t slot = word & ~BPF_RINGBUF_DISCARD_BIT;
            const auto bytes = BPF_RINGBUF_HDR_SZ + wire::padded(static_cast<std::uint32_t>(slot));
            if (slot > size_ || bytes > head_ - pos_) return Found::bad;
            pos_ += bytes;
            if ((word & BPF_RINGBUF_DISCARD_BIT) != 0) continue;
            ended_ = slot == STATCHAN_BPF_END;
            if (ended_) break;
            // The slot may be longer than its record, which has a head at least.
            if (slot < wire::head_bytes) return Found::bad;
            const auto* begin = at + BPF_RINGBUF_HDR_SZ;
            record = {begin, std::min(wire::padded(wire::load_head(begin).len), slot)};
            if (record.size() < wire::head_bytes) return Found::bad;
            return Found::record;
        }
        return Found::nothing;
    }

    /// Hands records to @p take, about so many bytes of them. Returns what ended it: nothing, bad,
    /// or the record that @p take returned false for.
    template <class Take>
    [[nodiscard]] Found each(std::size_t bytes_max, Take take) {
        if (!look()) return Found::bad;
        Chunk record;
        for (std::size_t bytes = 0; bytes < bytes_max; bytes += record.size()) {
            if (const auto found = next(record); found != Found::record) return found;
            if (!take(record)) [[unlikely]]
                return Found::record;
        }
        return Found::nothing;
    }

    /// So many samples, or so many bytes of them, wait: then some have been announced. 0: not
    /// counted.
    [[nodiscard]] bool waits(std::uint32_t samples, std::uint64_t bytes) const noexcept;

    /// All that next() has shown may be overwritten. Partner of the release: the load-acquire in
    /// bpf_ringbuf_reserve().
    void give_back() noexcept {
        if (given_ == pos_) return;
        given_ = pos_;
        store_release(consumer_, pos_);
    }

    [[nodiscard]] Fail bad(Task task) const;

  private:
    std::byte* consumer_;
    const std::byte* producer_;
    const std::byte* data_;
    std::uint64_t size_;
    std::uint64_t pos_;           // our own copy: the page is writable by others in the process
    std::uint64_t given_ = pos_;  // what the kernel was told
    std::uint64_t head_ = pos_;
    std::uint32_t cpu_;
    bool ended_ = false;
};

}  // namespace statchan::detail
