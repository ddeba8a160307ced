// SPDX-License-Identifier: MIT
#include "tally.hpp"

#include <sys/mman.h>

#include <new>
#include <numeric>
#include <stdexcept>

namespace soak {

std::uint64_t Tally::lost_total() const noexcept {
    return std::accumulate(lost.begin(), lost.end(), std::uint64_t{0});
}

Tally& Tally::operator+=(const Tally& other) noexcept {
    for (std::size_t i = 0; i < op.size(); ++i) op[i] += other.op[i];
    for (std::size_t i = 0; i < lost.size(); ++i) lost[i] += other.lost[i];
    produced += other.produced;
    filtered += other.filtered;
    before += other.before;
    delivered += other.delivered;
    checked_bytes += other.checked_bytes;
    return *this;
}

Board& Board::make() {
    void* memory =
        ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error{"no shared memory"};
    return *new (memory) Board;
}

Tally Board::sum() const noexcept {
    Tally sum;
    for (const auto& slot : slots) sum += slot.get();
    return sum;
}

}  // namespace soak
