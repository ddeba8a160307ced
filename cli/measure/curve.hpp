// SPDX-License-Identifier: MIT
//
// What was measured of one figure at several sizes or rates, and what that tells of those between.
#pragma once

#include <results.pb.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace statctl::measure {

/// A figure, measured or predicted.
struct Value {
    double value = 0;
    std::optional<double> uncertainty{};  ///< as a share of it; unknown if it was measured once
};

/// Between two sizes that were measured a cost is taken as a power of the size: a straight line in
/// logarithms, which fits both a constant per call and a cost per byte at either end. Beyond them
/// it goes on as the nearest two say, and the uncertainty grows by what that may be wrong.
class Curve {
  public:
    void add(double size, const statchan::results::Spread& spread);
    [[nodiscard]] bool empty() const noexcept { return values_.empty(); }

    /// Whether it says anything of that size: one that lies at most so many octaves beyond those
    /// that were measured, or one octave from the only one.
    [[nodiscard]] bool tells(double size, double octaves) const;
    /// Something must have been measured.
    [[nodiscard]] Value at(double size) const;

  private:
    std::map<double, Value> values_;
};

/// The larger of two uncertainties; unknown if one is.
[[nodiscard]] std::optional<double> larger(std::optional<double> a, std::optional<double> b);

/// The figure of a transport by the size of its plain points.
[[nodiscard]] Curve curve_by_size(const statchan::results::Results& results,
                                  std::string_view transport, std::string_view workload,
                                  std::string_view figure);

/// p99 of its latency by rate; of points that lost so few that there is a p99, and took so many
/// that it is known.
[[nodiscard]] Curve tail_by_rate(const statchan::results::Results& results,
                                 std::string_view transport);

}  // namespace statctl::measure
