// SPDX-License-Identifier: MIT
//
// Results as tables for people.
#pragma once

#include <results.pb.h>

#include <span>
#include <string>
#include <string_view>

#include "out.hpp"

namespace statctl::measure {

/// All workloads of one run: a row for each transport, the best of each column marked.
void print_report(Out& out, const statchan::results::Results& results);

/// Runs side by side: for each point and main figure the ratio to the first, and whether it
/// exceeds what repetitions differ by anyway. @p names: of the files.
void print_comparison(Out& out, std::span<const statchan::results::Results> runs,
                      std::span<const std::string> names);

/// Worth a line on its own: kernel, CPU, accelerator, page size, mitigations.
[[nodiscard]] std::string describe(const statchan::results::Environment& environment);
/// The metric that runs are compared by: "time.p50"; empty for an unknown workload.
[[nodiscard]] std::string_view main_figure(std::string_view workload);
/// "256 bytes, 1 CPU, batch64"
[[nodiscard]] std::string describe_load(const statchan::results::Point& point);

}  // namespace statctl::measure
