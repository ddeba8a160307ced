// SPDX-License-Identifier: MIT
//
// Numbers that were measured more than once.
#pragma once

#include <results.pb.h>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace statctl::measure {

/// The value below which the share @p q of all lies (nearest rank). 0 for none.
[[nodiscard]] double quantile(std::vector<double> values, double q);

/// Median, smallest and largest, and each.
[[nodiscard]] statchan::results::Spread spread_of(std::span<const double> values);

/// By how much the values differ among themselves, as a share of the median: half the distance
/// from smallest to largest. 0 for less than two.
[[nodiscard]] double noise(const statchan::results::Spread& spread);

/// One quantity, measured in two ways.
struct Ratio {
    double ratio = 1;     ///< second to first, of their medians
    double noise = 0;     ///< of both
    bool beyond = false;  ///< they differ by more than their repetitions do, and by more than 5 %
};

/// Nothing if the first is 0: then there is no ratio.
[[nodiscard]] std::optional<Ratio> ratio_of(const statchan::results::Spread& first,
                                            const statchan::results::Spread& second);

/// The same of two runs. So many figures are compared that some differ by chance: noise is the
/// whole range of both, and a figure that was measured once is never beyond it, since nobody knows.
[[nodiscard]] std::optional<Ratio> ratio_of_runs(const statchan::results::Spread& first,
                                                 const statchan::results::Spread& second,
                                                 double drift = 0);

}  // namespace statctl::measure
