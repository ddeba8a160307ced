// SPDX-License-Identifier: MIT
#include "measure/ranking.hpp"

#include <algorithm>

#include "measure/points.hpp"
#include "measure/spread.hpp"

namespace statctl::measure {

using statchan::results::Load;
using statchan::results::Point;
using statchan::results::Results;
using statchan::results::Spread;

namespace {

bool within_noise(const Spread& best, const Spread& other) {
    const auto ratio = ratio_of(best, other);
    if (ratio) return !ratio->beyond;
    return other.min() <= best.max();  // the best is 0
}

}  // namespace

const Entry* Ranking::next() const {
    const auto at = std::find_if(entries.begin(), entries.end(),
                                 [&](const auto& entry) { return !is_equal(entry.transport); });
    return at == entries.end() ? nullptr : &*at;
}

const Entry* Ranking::last() const {
    if (entries.empty() || is_equal(entries.back().transport)) return nullptr;
    return &entries.back();
}

const Entry* Ranking::find(const std::string& transport) const {
    const auto at = std::find_if(entries.begin(), entries.end(),
                                 [&](const auto& entry) { return entry.transport == transport; });
    return at == entries.end() ? nullptr : &*at;
}

bool Ranking::is_equal(const std::string& transport) const {
    return std::find(equal.begin(), equal.end(), transport) != equal.end();
}

Ranking rank(const Points& points, const Value& value, bool less_is_better) {
    Ranking ranking;
    for (const auto* point : points) {
        if (!point->fault().empty() || !point->skipped().empty()) continue;
        if (auto spread = value(*point))
            ranking.entries.push_back({point->transport(), std::move(*spread)});
    }
    auto& entries = ranking.entries;
    std::stable_sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
        return less_is_better ? a.value.median() < b.value.median()
                              : a.value.median() > b.value.median();
    });
    if (entries.empty()) return ranking;
    const auto best = entries.front().value;
    const bool steady = noise(best) < hopeless_noise;
    // Of a steady best, one that could be anywhere is no equal.
    const auto placed = std::stable_partition(entries.begin(), entries.end(), [&](const auto& e) {
        return !steady || noise(e.value) < hopeless_noise || !within_noise(best, e.value);
    });
    ranking.unplaced.assign(placed, entries.end());
    entries.erase(placed, entries.end());
    for (const auto& entry : entries) {
        if (!within_noise(best, entry.value)) continue;
        ranking.equal.push_back(entry.transport);
        ranking.noise = std::max(ranking.noise, noise(entry.value));
    }
    return ranking;
}

Value metric(std::string_view name) {
    return [name](const Point& point) -> std::optional<Spread> {
        const auto* found = find_metric(point, name);
        if (found == nullptr || found->value().values_size() == 0) return std::nullopt;
        return found->value();
    };
}

std::optional<Spread> lost_share(const Point& point) {
    const auto* offered = find_metric(point, "offered");
    const auto* lost = find_metric(point, "lost");
    if (offered == nullptr || lost == nullptr) return std::nullopt;
    const auto& all = offered->value().values();
    const auto& gone = lost->value().values();
    std::vector<double> shares;
    // Both have a value of each repetition, in the same order.
    for (int i = 0; i < std::min(all.size(), gone.size()); ++i)
        if (all[i] > 0) shares.push_back(gone[i] / all[i]);
    if (shares.empty()) return std::nullopt;
    return spread_of(shares);
}

Points select(const Results& results, std::string_view workload,
              const std::function<bool(const Load&)>& wanted) {
    Points points;
    for (const auto& point : results.points())
        if (point.workload() == workload && wanted(point.load())) points.push_back(&point);
    return points;
}

}  // namespace statctl::measure
