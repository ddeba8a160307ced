// SPDX-License-Identifier: MIT
//
// Who is best at one thing under one load, and who can not be told from the best.
#pragma once

#include <results.pb.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace statctl::measure {

using Points = std::vector<const statchan::results::Point*>;
using Value =
    std::function<std::optional<statchan::results::Spread>(const statchan::results::Point&)>;

struct Entry {
    std::string transport;
    statchan::results::Spread value;
};

/// Repetitions that differ by so large a share of their median place nobody.
inline constexpr double hopeless_noise = 0.5;

struct Ranking {
    std::vector<Entry> entries;   ///< that have a place, the best first
    std::vector<Entry> unplaced;  ///< may be as good as the best, or far from it
    /// The first, and those whose difference from it is within the noise.
    std::vector<std::string> equal;
    double noise = 0;  ///< the largest among those

    /// The best that is not among the equal; nothing if all are.
    [[nodiscard]] const Entry* next() const;
    [[nodiscard]] const Entry* last() const;
    [[nodiscard]] const Entry* find(const std::string& transport) const;
    [[nodiscard]] bool is_equal(const std::string& transport) const;
};

/// Points of one load. Those that do not add up or lack the value are left out.
[[nodiscard]] Ranking rank(const Points& points, const Value& value, bool less_is_better);

/// The value of a metric.
[[nodiscard]] Value metric(std::string_view name);
/// What was lost of all that was offered, from 0 to 1.
[[nodiscard]] std::optional<statchan::results::Spread> lost_share(
    const statchan::results::Point& point);

/// Points of a workload in the order of the run.
[[nodiscard]] Points select(const statchan::results::Results& results, std::string_view workload,
                            const std::function<bool(const statchan::results::Load&)>& wanted);

}  // namespace statctl::measure
