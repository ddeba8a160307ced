// SPDX-License-Identifier: MIT
#include "measure/spread.hpp"

#include <algorithm>
#include <cmath>

namespace statctl::measure {

double quantile(std::vector<double> values, double q) {
    if (values.empty()) return 0;
    const auto last = static_cast<double>(values.size() - 1);
    const auto at = static_cast<std::size_t>(std::llround(std::clamp(q, 0.0, 1.0) * last));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at),
                     values.end());
    return values[at];
}

statchan::results::Spread spread_of(std::span<const double> values) {
    statchan::results::Spread spread;
    if (values.empty()) return spread;
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    const auto middle = sorted.size() / 2;
    spread.set_median(sorted.size() % 2 != 0 ? sorted[middle]
                                             : (sorted[middle - 1] + sorted[middle]) / 2);
    spread.set_min(sorted.front());
    spread.set_max(sorted.back());
    for (const auto value : values) spread.add_values(value);
    return spread;
}

double noise(const statchan::results::Spread& spread) {
    if (spread.values_size() < 2 || spread.median() == 0) return 0;
    return (spread.max() - spread.min()) / 2 / spread.median();
}

std::optional<Ratio> ratio_of(const statchan::results::Spread& first,
                              const statchan::results::Spread& second) {
    if (first.median() == 0) return std::nullopt;
    Ratio found{.ratio = second.median() / first.median(), .noise = noise(first) + noise(second)};
    // Repetitions tell how far two medians of the same thing lie apart.
    found.beyond = std::abs(std::log(found.ratio)) > std::log1p(std::max(found.noise, 0.05));
    return found;
}

std::optional<Ratio> ratio_of_runs(const statchan::results::Spread& first,
                                   const statchan::results::Spread& second, double drift) {
    auto found = ratio_of(first, second);
    if (!found) return std::nullopt;
    found->noise = 2 * found->noise + drift;
    const bool known = first.values_size() > 1 && second.values_size() > 1;
    found->beyond =
        known && std::abs(std::log(found->ratio)) > std::log1p(std::max(found->noise, 0.05));
    return found;
}

}  // namespace statctl::measure
