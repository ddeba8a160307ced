// SPDX-License-Identifier: MIT
//
// What the crossings of this machine cost, one by one: what a transport's cost is made of.
#pragma once

#include <results.pb.h>

#include <vector>

namespace statctl::measure {

struct CalibrateOptions {
    bool user_only = false;  ///< leave out what needs the module; it is listed as unavailable
    bool quick = false;      ///< seconds instead of half a minute, and more noise
};

/// All primitives, always in the same order; with a value, or with the reason why there is none.
[[nodiscard]] std::vector<statchan::results::Primitive> calibrate(const CalibrateOptions& options);

}  // namespace statctl::measure
