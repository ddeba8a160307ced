// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "tally.hpp"

namespace soak {

/// The life of a forked worker: streams and snapshots as chance has it, until it is told to stop or
/// killed. Returns its exit status, 1 after a fault.
int work(Board& board, std::size_t number, std::uint64_t seed);

}  // namespace soak
