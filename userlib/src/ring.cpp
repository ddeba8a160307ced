// SPDX-License-Identifier: MIT
#include "ring.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <statchan/record.hpp>
#include <thread>

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
    return RingLayout{static_cast<std::size_t>(page), static_cast<std::size_t>(data),
                      answer.ring_stride};
}

// Tail and its count, of the same moment: the kernel changes evicting first and evicted last, with
// interrupts off, so they differ for some instructions only. But below a hypervisor the CPU may be
// taken away just there, for many milliseconds.
Result<Ring::Oldest> Ring::oldest(Task task) const {
    using clock = std::chrono::steady_clock;
    constexpr int looks = 1000;
    constexpr auto patience = std::chrono::seconds{2};
    for (auto until = clock::time_point::max();;) {
        for (int i = 0; i < looks; ++i) {
            const auto evicted =
                load_acquire<std::uint64_t>(producer_ + offsetof(statchan_ring_producer, evicted));
            const auto tail =
                load_acquire<std::uint64_t>(producer_ + offsetof(statchan_ring_producer, tail));
            const auto evicting =
                load_relaxed<std::uint64_t>(producer_ + offsetof(statchan_ring_producer, evicting));
            if (evicting == evicted) return Oldest{tail, evicted};
        }
        const auto now = clock::now();
        if (until == clock::time_point::max()) until = now + patience;
        if (now >= until) break;
        std::this_thread::yield();
    }
    return fail_data(task, fmt::format("the ring of cpu {} is being overwritten for ever", cpu_));
}

Result<std::uint64_t> Ring::catch_up(Task task) {
    const auto first = oldest(task);
    if (!first) return pass_on(first.error());
    if (static_cast<std::int64_t>(first->pos - pos_) <= 0) return 0;
    const auto lost = first->index - index_;
    if (lost > (first->pos - pos_) / wire::sample_bytes || first->pos % STATCHAN_ALIGN != 0)
        return fail_data(task, fmt::format("the ring of cpu {} says that {} records were "
                                           "overwritten in {} bytes",
                                           cpu_, lost, first->pos - pos_));
    pos_ = first->pos;
    index_ = first->index;
    return lost;
}

Result<Ring::Copied> Ring::copy(std::span<std::byte> to, Task task) {
    const auto before = catch_up(task);
    if (!before) return pass_on(before.error());
    const auto at = pos_;
    const auto head =
        load_acquire<std::uint64_t>(producer_ + offsetof(statchan_ring_producer, head));
    const auto there = head - at;
    if ((there | at) % STATCHAN_ALIGN != 0) [[unlikely]]
        return bad_head(there, task);
    // More than the ring holds: it was overwritten since, and the look below shows what is left.
    const auto bytes = std::min({there, size_, std::uint64_t{to.size()}});
    std::memcpy(to.data(), data_ + (at & (size_ - 1)), bytes);
    read_barrier();
    drained_ = there == 0;
    // What was overwritten while it was copied is thrown away.
    const auto meanwhile = catch_up(task);
    if (!meanwhile) return pass_on(meanwhile.error());
    const auto bad = std::min<std::uint64_t>(pos_ - at, bytes);
    return Copied{to.first(bytes).subspan(bad), *before + *meanwhile};
}

Fail Ring::bad_head(std::uint64_t there, Task task) const {
    return fail_data(task, fmt::format("the ring of cpu {} has {} bytes and says that {} wait in "
                                       "it",
                                       cpu_, size_, static_cast<std::int64_t>(there)));
}

}  // namespace statchan::detail
