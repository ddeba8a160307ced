// SPDX-License-Identifier: MIT
#include "ring.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <bit>

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

Fail Ring::bad_head(std::uint64_t there, Task task) const {
    return fail_data(task, fmt::format("the ring of cpu {} has {} bytes and says that {} wait in "
                                       "it",
                                       cpu_, size_, static_cast<std::int64_t>(there)));
}

}  // namespace statchan::detail
