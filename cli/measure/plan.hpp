// SPDX-License-Identifier: MIT
//
// Which points are measured.
#pragma once

#include <chrono>
#include <statchan/types.hpp>
#include <string>
#include <vector>

#include "measure/compare.hpp"
#include "measure/points.hpp"

namespace statctl::measure {

/// A load and what measures it, for all transports that are capable of it.
struct Item {
    std::string workload;
    statchan::results::Load load;
    statchan::Capability needs;
    std::chrono::milliseconds window;
    statchan::results::Point (*measure)(const Job&);
    /// Control operations have two front ends, however many transports there are.
    bool front_ends_only = false;
    /// Costs as much as many others: once, however often those are repeated.
    bool once = false;
};

struct Plan {
    std::vector<Item> items;
    unsigned repeat = 1;
    bool quick = false;
};

/// What @p options ask for, of sources of our own, or of @p foreign alone, if that is not null.
[[nodiscard]] Plan plan(const CompareOptions& options, const statchan::SourceInfo* foreign);

}  // namespace statctl::measure
