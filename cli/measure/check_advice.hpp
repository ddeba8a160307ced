// SPDX-License-Identifier: MIT
//
// Whether what advise predicts comes true: sizes that were not measured are, and compared.
#pragma once

#include <results.pb.h>

#include <cstdint>
#include <string>
#include <vector>

namespace statctl::measure {

/// Of predictions half may be further off than this.
inline constexpr double advice_tolerance = 0.25;

/// One prediction and what became of it, in nanoseconds: of a snapshot until it is read, of a
/// record to write and to read it.
struct Prediction {
    std::string workload;
    std::string transport;
    std::uint64_t bytes = 0;
    double predicted_ns = 0;
    double measured_ns = 0;
    [[nodiscard]] double error() const noexcept;  ///< share of what was measured
};

/// Between each two sizes of a workload that were measured one that was not.
[[nodiscard]] std::vector<std::uint64_t> sizes_between(const statchan::results::Results& results,
                                                       const std::string& workload);

/// What advise says of the points in @p measured, knowing @p results alone.
[[nodiscard]] std::vector<Prediction> predictions(const statchan::results::Results& results,
                                                  const statchan::results::Results& measured);

/// Median of the errors; 0 for none.
[[nodiscard]] double median_error(const std::vector<Prediction>& all);

}  // namespace statctl::measure
