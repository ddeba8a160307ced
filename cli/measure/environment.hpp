// SPDX-License-Identifier: MIT
//
// What may make two runs differ.
#pragma once

#include <results.pb.h>

namespace statctl::measure {

/// Of this machine, now.
[[nodiscard]] statchan::results::Environment environment();

}  // namespace statctl::measure
