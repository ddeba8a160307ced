// SPDX-License-Identifier: MIT
//
// The experiment: which points are measured, in which order, and what becomes of the repetitions.
#pragma once

#include <results.pb.h>

#include <functional>
#include <statchan/error.hpp>
#include <string>
#include <vector>

namespace statctl::measure {

struct CompareOptions {
    bool quick = false;
    std::vector<std::string> transports{};  ///< empty: all there are
    std::vector<std::string> workloads{};   ///< empty: all there are
    std::vector<std::uint64_t> sizes{};     ///< empty: those of the plan
    std::vector<double> rates{};            ///< workload latency, records per second
    unsigned repeat = 0;                    ///< 0: as the plan says
    std::string source{};                   ///< this one as it is; empty: synths of our own
};

inline constexpr std::string_view workload_names[] = {"snapshot", "samples", "producer",
                                                      "lossless", "latency", "control"};

/// How far it has come: points measured, points in all, seconds that are left, what is measured
/// now.
using Progress = std::function<void(std::size_t done, std::size_t all, double left,
                                    const statchan::results::Point& now)>;

/// Runs it. Transports are interleaved (A B C A B C), each repetition in a fresh process
/// and only after all points have had theirs before. What was
/// measured until @p stop said yes is kept. Errors: no module, no right to make sources, names that
/// are none.
[[nodiscard]] statchan::Result<statchan::results::Results> compare(
    const CompareOptions& options, const Progress& progress, const std::function<bool()>& stop);

/// Points that do not add up.
[[nodiscard]] std::size_t faults(const statchan::results::Results& results);

}  // namespace statctl::measure
