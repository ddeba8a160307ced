// SPDX-License-Identifier: MIT
//
// How fast the machine itself is just now: others may share it, or its clock rate may change.
#pragma once

#include <results.pb.h>

namespace statctl::measure {

/// Nanoseconds of a fixed piece of work in user space, the least of a few tries; a millisecond or
/// so.
[[nodiscard]] double yardstick();

/// By how much the machine may have made two runs differ, as a share: its own speed from run to
/// run, and how much that varied within each. 0 if it is not known.
[[nodiscard]] double drift(const statchan::results::Results& first,
                           const statchan::results::Results& second);

}  // namespace statctl::measure
