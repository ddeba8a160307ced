// SPDX-License-Identifier: MIT
#include "positions.hpp"

#include <algorithm>

namespace statchan::detail {

void Positions::joined_at(std::uint32_t cpu, std::uint64_t accepted, std::uint64_t next_seq) {
    if (cpu >= cpus_.size() || cpus_[cpu].begun) return;
    cpus_[cpu].before = cpus_[cpu].next = accepted;
    cpus_[cpu].joined_seq = next_seq;
}

std::uint64_t Positions::message(std::uint32_t cpu, std::uint64_t position,
                                 std::uint32_t count) noexcept {
    auto& c = cpus_[cpu];
    // The first message may begin before the place where we joined: it was under way then.
    if (!c.begun) c.before = c.next = std::min(c.next, position);
    c.begun = true;
    const auto lost = position > c.next ? position - c.next : 0;
    c.next = std::max(c.next, position + count);
    return lost;
}

std::uint64_t Positions::end(std::uint32_t cpu, std::uint64_t accepted) noexcept {
    auto& c = cpus_[cpu];
    const auto lost = accepted > c.next ? accepted - c.next : 0;
    c.next = std::max(c.next, accepted);
    return lost;
}

}  // namespace statchan::detail
