// SPDX-License-Identifier: MIT
#pragma once

#include "kernel_state.hpp"
#include "tally.hpp"

namespace soak {

/// The books, what was done, and what the kernel held before and after.
void print_report(const Tally& tally, const KernelState& before, const KernelState& after);
/// One line, over the one before.
void print_progress(const Tally& tally, double seconds);

}  // namespace soak
