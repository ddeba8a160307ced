// SPDX-License-Identifier: MIT
#include "measure/merged.hpp"

#include "measure/histogram.hpp"
#include "measure/spread.hpp"

namespace statctl::measure {

namespace {

using statchan::results::Point;

void merge(Point& all, const statchan::results::Metric& one) {
    for (auto& metric : *all.mutable_metrics()) {
        if (metric.name() != one.name()) continue;
        std::vector<double> values(metric.value().values().begin(), metric.value().values().end());
        values.insert(values.end(), one.value().values().begin(), one.value().values().end());
        *metric.mutable_value() = spread_of(values);
        return;
    }
    *all.add_metrics() = one;
}

void merge(statchan::results::Books& all, const statchan::results::Books& one) {
    all.set_produced(all.produced() + one.produced());
    all.set_received(all.received() + one.received());
    for (const auto& [reason, count] : one.lost()) (*all.mutable_lost())[reason] += count;
    all.set_closes(all.closes() && one.closes());
    all.set_digests_checked(all.digests_checked() + one.digests_checked());
    all.set_digests_wrong(all.digests_wrong() + one.digests_wrong());
}

void merge(statchan::results::Histogram& all, const statchan::results::Histogram& one) {
    auto sum = Histogram::from(all);
    sum.add(Histogram::from(one));
    all = sum.message();
}

}  // namespace

std::string key_of(const Point& point) {
    return point.workload() + "/" + point.transport() + "/" + point.load().SerializeAsString();
}

void Merged::add(const Point& one) {
    const auto [at, fresh] = index_.try_emplace(key_of(one), points_.size());
    if (fresh) {
        points_.push_back(one);
        return;
    }
    auto& all = points_[at->second];
    for (const auto& metric : one.metrics()) merge(all, metric);
    merge(*all.mutable_books(), one.books());
    if (one.has_latency()) merge(*all.mutable_latency(), one.latency());
    if (all.fault().empty()) all.set_fault(one.fault());
}

}  // namespace statctl::measure
