// SPDX-License-Identifier: MIT
#pragma once

#include <results.pb.h>

#include <map>
#include <string>
#include <vector>

namespace statctl::measure {

/// Which points are repetitions of one: workload, transport, load.
[[nodiscard]] std::string key_of(const statchan::results::Point& point);

/// Repetitions of points: each metric gets all its values, losses and histograms are added.
class Merged {
  public:
    void add(const statchan::results::Point& one);
    /// In the order in which they first came.
    [[nodiscard]] const std::vector<statchan::results::Point>& points() const noexcept {
        return points_;
    }

  private:
    std::vector<statchan::results::Point> points_;
    std::map<std::string, std::size_t> index_;
};

}  // namespace statctl::measure
