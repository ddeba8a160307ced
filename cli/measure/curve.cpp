// SPDX-License-Identifier: MIT
#include "measure/curve.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "measure/points.hpp"
#include "measure/spread.hpp"

namespace statctl::measure {

using statchan::results::Results;

std::optional<double> larger(std::optional<double> a, std::optional<double> b) {
    if (!a || !b) return std::nullopt;
    return std::max(*a, *b);
}

void Curve::add(double size, const statchan::results::Spread& spread) {
    if (size <= 0 || spread.median() <= 0) return;
    auto& value = values_[size];
    value.value = spread.median();
    if (spread.values_size() > 1) value.uncertainty = noise(spread);
}

bool Curve::tells(double size, double octaves) const {
    if (values_.empty()) return false;
    const auto reach = std::exp2(values_.size() == 1 ? 1 : octaves);
    return size >= values_.begin()->first / reach && size <= values_.rbegin()->first * reach;
}

Value Curve::at(double size) const {
    if (values_.size() == 1) return values_.begin()->second;
    auto right = values_.lower_bound(size);
    if (right != values_.end() && right->first == size) return right->second;
    const bool beyond = right == values_.begin() || right == values_.end();
    if (right == values_.begin()) ++right;
    if (right == values_.end()) --right;
    const auto left = std::prev(right);
    const auto slope =
        std::log(right->second.value / left->second.value) / std::log(right->first / left->first);
    const auto distance = beyond ? std::abs(std::log2(size / right->first)) * 0.1 : 0.05;
    Value value{left->second.value * std::pow(size / left->first, slope),
                larger(left->second.uncertainty, right->second.uncertainty)};
    if (value.uncertainty) *value.uncertainty += distance;
    return value;
}

Curve curve_by_size(const Results& results, std::string_view transport, std::string_view workload,
                    std::string_view figure) {
    Curve curve;
    for (const auto& point : results.points()) {
        if (point.transport() != transport || point.workload() != workload || !is_plain(point))
            continue;
        if (const auto* metric = find_metric(point, figure))
            curve.add(static_cast<double>(point.load().bytes()), metric->value());
    }
    return curve;
}

Curve tail_by_rate(const Results& results, std::string_view transport) {
    Curve curve;
    for (const auto& point : results.points()) {
        if (point.transport() != transport || point.workload() != "latency" || !is_plain(point) ||
            !has_quantile(point, 0.99))
            continue;
        if (const auto* metric = find_metric(point, "latency.p99"))
            curve.add(point.load().rate(), metric->value());
    }
    return curve;
}

}  // namespace statctl::measure
