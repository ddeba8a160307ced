// SPDX-License-Identifier: MIT
#include "bpf_ring.hpp"

#include <fmt/format.h>

#include <limits>

namespace statchan::detail {

// Of any `samples` accepted in a row one reaches the watermark, and so with bytes. A slot is of 64
// bytes at least, so mostly there is no need to walk.
bool BpfRing::waits(std::uint32_t samples, std::uint64_t bytes) const noexcept {
    constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();
    constexpr std::uint64_t least_slot = 64;
    const std::uint64_t most_samples = samples != 0 ? samples : none / least_slot;
    const std::uint64_t most_bytes = bytes != 0 ? bytes : none;
    const auto there = load_acquire<std::uint64_t>(producer_) - pos_;
    if (there < most_samples * least_slot && there < most_bytes) return false;
    std::uint64_t found = 0;
    std::uint64_t found_bytes = 0;
    auto ahead = *this;
    Chunk record;
    if (!ahead.look()) return true;  // the next collect() says what is wrong
    for (;;) {
        switch (ahead.next(record)) {
            case Found::nothing:
                return ahead.ended();
            case Found::bad:
                return true;
            case Found::record:
                if (wire::load_head(record.data()).type != wire::type_sample) continue;
                ++found;
                found_bytes += record.size();
                if (found >= most_samples || found_bytes >= most_bytes) return true;
        }
    }
}

Fail BpfRing::bad(Task task) const {
    return fail_data(task, fmt::format("the BPF ring buffer of cpu {}, {} bytes, makes no sense "
                                       "between {} and {}",
                                       cpu_, size_, pos_, head_));
}

}  // namespace statchan::detail
