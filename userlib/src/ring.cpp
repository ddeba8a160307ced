// SPDX-License-Identifier: MIT
#include "ring.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

namespace statchan::detail {

Result<RingLayout> RingLayout::make(const statchan_channel_req& answer, Task task) {
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const auto data = answer.got.buffer_size;
    const bool sizes = answer.page_size == page && std::has_single_bit(data) && data >= page &&
                       data <= STATCHAN_BUFFER_MAX;
    if (!sizes || answer.ring_stride < 2 * page + 2 * data || answer.ring_stride % page != 0 ||
        answer.ring_stride > 4 * (page + data)) {
        return fail_data(task, fmt::format("rings of {} bytes, {} apart, with pages of {} bytes "
                                           "make no sense",
                                           data, answer.ring_stride, answer.page_size));
    }
    return RingLayout{static_cast<std::size_t>(page), static_cast<std::size_t>(data)};
}

// Tail and its count, of the same moment: the kernel changes evicting first and evicted last.
Ring::Oldest Ring::oldest() const noexcept {
    for (;;) {
        const auto evicted =
            load_acquire<std::uint64_t>(producer_ + offsetof(statchan_ring_producer, evicted));
        const auto tail =
            load_acquire<std::uint64_t>(producer_ + offsetof(statchan_ring_producer, tail));
        const auto evicting =
            load_relaxed<std::uint64_t>(producer_ + offsetof(statchan_ring_producer, evicting));
        if (evicting == evicted) return {tail, evicted};
    }
}

// Returns the samples that are lost by it.
std::uint64_t Ring::skip_to(const Oldest& oldest) noexcept {
    const auto lost = oldest.index - index_;
    pos_ = oldest.pos;
    index_ = oldest.index;
    return lost;
}

Result<Ring::Copied> Ring::copy(std::span<std::byte> to, Task task) noexcept {
    Copied copied;
    if (const auto first = oldest(); static_cast<std::int64_t>(first.pos - pos_) > 0)
        copied.lost = skip_to(first);
    const auto head =
        load_acquire<std::uint64_t>(producer_ + offsetof(statchan_ring_producer, head));
    const auto there = head - pos_;
    // More than the ring holds: it was overwritten since, and the look below shows what is left.
    if (there % STATCHAN_ALIGN != 0) [[unlikely]]
        return bad_head(there, task);
    const auto bytes = std::min({there, size_, std::uint64_t{to.size()}});
    std::memcpy(to.data(), data_ + (pos_ & (size_ - 1)), bytes);
    std::atomic_thread_fence(std::memory_order_acquire);
    drained_ = there == 0;
    copied.bytes = to.first(bytes);
    // What was overwritten while it was copied is thrown away.
    if (const auto first = oldest(); static_cast<std::int64_t>(first.pos - pos_) > 0) {
        const auto bad = std::min<std::uint64_t>(first.pos - pos_, bytes);
        copied.bytes = copied.bytes.subspan(bad);
        copied.lost += skip_to(first);
    }
    return copied;
}

Fail Ring::bad_head(std::uint64_t there, Task task) const {
    return fail_data(task, fmt::format("the ring of cpu {} has {} bytes and says that {} wait in "
                                       "it",
                                       cpu_, size_, static_cast<std::int64_t>(there)));
}

}  // namespace statchan::detail
