// SPDX-License-Identifier: MIT
#include "measure/check_advice.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "measure/advise.hpp"
#include "measure/points.hpp"
#include "measure/spread.hpp"

namespace statctl::measure {

namespace {

using statchan::results::Point;
using statchan::results::Results;

constexpr double some_rate = 1000;  // records per second; the cost of one does not depend on it
constexpr double long_time = 1e15;  // between snapshots, ns: whatever it takes is short enough

std::optional<double> metric(const Point& point, std::string_view name) {
    const auto* found = find_metric(point, name);
    if (found == nullptr) return std::nullopt;
    return found->value().median();
}

std::optional<double> measured_cost(const Point& point) {
    if (point.workload() == "snapshot") return metric(point, "time.p50");
    return metric(point, point.workload() == "producer" ? "producer.alone" : "consumer");
}

std::optional<double> predicted_cost(const Results& results, const Point& point) {
    const bool snapshot = point.workload() == "snapshot";
    Need need;
    if (snapshot) {
        need.snapshot_bytes = point.load().bytes();
        need.every_ns = long_time;
    } else {
        need.rate = some_rate;
        need.record_bytes = point.load().bytes();
    }
    for (const auto& verdict : advise(results, need)) {
        if (verdict.transport != point.transport() || !verdict.excluded.empty()) continue;
        return point.workload() == "producer" ? verdict.write_ns : verdict.read_ns;
    }
    return std::nullopt;
}

}  // namespace

double Prediction::error() const noexcept {
    return std::abs(predicted_ns - measured_ns) / measured_ns;
}

std::vector<std::uint64_t> sizes_between(const Results& results, const std::string& workload) {
    std::set<std::uint64_t> measured;
    for (const auto& point : results.points())
        if (point.workload() == workload && is_plain(point)) measured.insert(point.load().bytes());
    const std::uint64_t step = workload == "snapshot" ? 4096 : 8;
    std::vector<std::uint64_t> between;
    for (auto at = measured.begin(); at != measured.end() && std::next(at) != measured.end();
         ++at) {
        const auto middle =
            std::sqrt(static_cast<double>(*at) * static_cast<double>(*std::next(at)));
        const auto size = static_cast<std::uint64_t>(middle) / step * step;
        if (size > *at) between.push_back(size);
    }
    return between;
}

std::vector<Prediction> predictions(const Results& results, const Results& measured) {
    std::vector<Prediction> all;
    for (const auto& point : measured.points()) {
        if (!is_plain(point)) continue;
        const auto predicted = predicted_cost(results, point);
        const auto cost = measured_cost(point);
        if (predicted && cost && *cost > 0)
            all.push_back(
                {point.workload(), point.transport(), point.load().bytes(), *predicted, *cost});
    }
    return all;
}

double median_error(const std::vector<Prediction>& all) {
    std::vector<double> errors;
    errors.reserve(all.size());
    for (const auto& prediction : all) errors.push_back(prediction.error());
    return quantile(errors, 0.5);
}

}  // namespace statctl::measure
