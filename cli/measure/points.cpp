// SPDX-License-Identifier: MIT
#include "measure/points.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

#include "measure/spread.hpp"

namespace statctl::measure {

bool is_plain(const statchan::results::Point& point) {
    const auto& load = point.load();
    if (!point.fault().empty() || load.readers() > 1 || load.cpus() > 1) return false;
    if (point.workload() == "snapshot") return !load.churn() && !load.live();
    if (point.workload() == "producer") return true;
    return load.policy() == "batch64" && load.buffer() == usual_buffer;
}

bool has_quantile(const statchan::results::Point& point, double quantile) {
    const auto* typical = find_metric(point, "latency.p50");
    const auto processes = typical == nullptr ? 1 : std::max(1, typical->value().values_size());
    const auto& counts = point.latency().count();
    const auto records = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}) /
                         static_cast<std::uint64_t>(processes);
    const auto* lost = find_metric(point, "lost");
    // half of a record: 0.99 and 0.01 are no sum of halves
    return static_cast<double>(records) * (1 - quantile) >= 9.5 &&
           (lost == nullptr || lost->value().median() < 1 - quantile);
}

void add_metric(statchan::results::Point& point, std::string_view name, std::string_view unit,
                double value) {
    auto& metric = *point.add_metrics();
    metric.set_name(std::string{name});
    metric.set_unit(std::string{unit});
    *metric.mutable_value() = spread_of(std::array{value});
}

const statchan::results::Metric* find_metric(const statchan::results::Point& point,
                                             std::string_view name) {
    for (const auto& metric : point.metrics())
        if (metric.name() == name) return &metric;
    return nullptr;
}

const statchan::results::Point* same_point(const statchan::results::Results& results,
                                           const statchan::results::Point& wanted) {
    const auto load = wanted.load().SerializeAsString();
    for (const auto& point : results.points())
        if (point.workload() == wanted.workload() && point.transport() == wanted.transport() &&
            point.load().SerializeAsString() == load)
            return &point;
    return nullptr;
}

}  // namespace statctl::measure
