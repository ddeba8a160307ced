// SPDX-License-Identifier: MIT
//
// Between two sizes that were measured a cost is taken as a power of the size: a straight line in
// logarithms, which fits both a constant per call and a cost per byte at either end. Beyond them it
// goes on as the nearest two say, and the uncertainty grows by what that may be wrong.
#include "measure/advise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "measure/points.hpp"
#include "measure/spread.hpp"
#include "measure/words.hpp"

namespace statctl::measure {

namespace {

using statchan::results::Results;

struct Value {
    double value = 0;
    double uncertainty = 0;
};

// Measured values of one figure by size.
class Curve {
  public:
    void add(double size, const statchan::results::Spread& spread) {
        if (size > 0 && spread.median() > 0) values_[size] = {spread.median(), noise(spread)};
    }
    [[nodiscard]] bool empty() const noexcept { return values_.empty(); }

    /// One point says nothing of what is far from it.
    [[nodiscard]] bool tells(double size) const {
        return values_.size() > 1 ||
               (!values_.empty() && std::abs(std::log2(size / values_.begin()->first)) <= 1);
    }

    [[nodiscard]] Value at(double size) const {
        if (values_.size() == 1) return values_.begin()->second;
        auto right = values_.lower_bound(size);
        if (right != values_.end() && right->first == size) return right->second;
        const bool beyond = right == values_.begin() || right == values_.end();
        if (right == values_.begin()) ++right;
        if (right == values_.end()) --right;
        const auto left = std::prev(right);
        const auto slope = std::log(right->second.value / left->second.value) /
                           std::log(right->first / left->first);
        const auto value = left->second.value * std::pow(size / left->first, slope);
        const auto distance = beyond ? std::abs(std::log2(size / right->first)) * 0.1 : 0.05;
        return {value, std::max(left->second.uncertainty, right->second.uncertainty) + distance};
    }

  private:
    std::map<double, Value> values_;
};

Curve curve(const Results& results, const std::string& transport, std::string_view workload,
            std::string_view figure, bool by_rate = false) {
    Curve c;
    for (const auto& point : results.points()) {
        const auto& load = point.load();
        if (point.transport() != transport || point.workload() != workload || !is_plain(point))
            continue;
        if (const auto* metric = find_metric(point, figure))
            c.add(by_rate ? load.rate() : static_cast<double>(load.bytes()), metric->value());
    }
    return c;
}

void judge_snapshots(const Results& results, const Need& need, Verdict& verdict) {
    const auto times = curve(results, verdict.transport, "snapshot", "time.p50");
    if (times.empty()) {
        verdict.excluded = "carries no snapshots, or none were measured";
        return;
    }
    const auto time = times.at(static_cast<double>(need.snapshot_bytes));
    verdict.time_ns = time.value;
    verdict.uncertainty = time.uncertainty;
    verdict.cpu_share = time.value * need.readers / need.every_ns;
    if (time.value > need.every_ns) {
        verdict.excluded = fmt::format("a snapshot takes {}, longer than the {} between two",
                                       time_words(time.value), time_words(need.every_ns));
        return;
    }
    verdict.explanation =
        fmt::format("a snapshot is read in {}; {} reader{} take{} {} of a CPU",
                    time_words(time.value), need.readers, need.readers == 1 ? "" : "s",
                    need.readers == 1 ? "s" : "", percent_words(verdict.cpu_share));
}

bool is_multicast(const std::string& transport) { return transport.starts_with("netlink"); }

void judge_samples(const Results& results, const Need& need, Verdict& verdict) {
    const auto size = static_cast<double>(need.record_bytes);
    const auto delivered = curve(results, verdict.transport, "samples", "delivered");
    const auto consumer = curve(results, verdict.transport, "samples", "consumer");
    const auto producer = curve(results, verdict.transport, "samples", "producer");
    if (delivered.empty() || consumer.empty() || producer.empty()) {
        verdict.excluded = "carries no samples, or none were measured";
        return;
    }
    // What is delivered while more is offered is not what is delivered without loss.
    const auto lossless = curve(results, verdict.transport, "lossless", "lossless");
    const bool measured = need.no_loss && !lossless.empty();
    const auto capacity = (measured ? lossless : delivered).at(size);
    if (need.no_loss && need.rate > capacity.value) {
        verdict.excluded =
            fmt::format("delivers {:.0f} records of {} bytes per second at most{}", capacity.value,
                        need.record_bytes, measured ? " without loss" : "");
        return;
    }
    const auto p99 = curve(results, verdict.transport, "latency", "latency.p99", true);
    if (need.latency_ns != 0 && p99.empty()) {
        verdict.excluded = "its latency was not measured: compare with --workload latency";
        return;
    }
    if (need.latency_ns != 0 && !p99.tells(need.rate)) {
        verdict.excluded = "its latency was measured at another rate only";
        return;
    }
    if (!p99.empty()) verdict.time_ns = p99.at(need.rate).value;
    if (need.latency_ns != 0 && verdict.time_ns > need.latency_ns) {
        verdict.excluded = fmt::format("1 record in 100 takes {} or longer, more than {}",
                                       time_words(verdict.time_ns), time_words(need.latency_ns));
        return;
    }
    const auto memory = curve(results, verdict.transport, "samples", "memory");
    if (need.memory != 0 && !memory.empty() &&
        memory.at(size).value > static_cast<double>(need.memory)) {
        verdict.excluded = fmt::format(
            "its buffers took {:.0f} bytes as measured, more than {}: measure it with "
            "smaller ones",
            memory.at(size).value, need.memory);
        return;
    }
    const auto once = producer.at(size);
    const auto each = consumer.at(size);
    // Multicast is written once, however many listen; the others once for each.
    const double writers = is_multicast(verdict.transport) ? 1 : need.readers;
    verdict.cpu_share = need.rate * (once.value * writers + each.value * need.readers) / 1e9;
    verdict.uncertainty = std::max(once.uncertainty, each.uncertainty);
    verdict.explanation = fmt::format(
        "{} per record to write and {} to read: {} of a CPU; it can deliver {:.1f} times as many",
        time_words(once.value * writers), time_words(each.value), percent_words(verdict.cpu_share),
        capacity.value / need.rate);
}

}  // namespace

std::vector<Verdict> advise(const Results& results, const Need& need) {
    std::vector<Verdict> verdicts;
    std::set<std::string> seen;
    for (const auto& point : results.points()) {
        if (!seen.insert(point.transport()).second) continue;
        Verdict verdict{.transport = point.transport(), .excluded = {}};
        if (need.no_root && point.transport() == "relay")
            verdict.excluded = "its files are in debugfs, for root only";
        else if (need.snapshot_bytes != 0)
            judge_snapshots(results, need, verdict);
        else
            judge_samples(results, need, verdict);
        const auto cpus = results.environment().cpus();
        if (verdict.excluded.empty() && cpus != 0 && verdict.cpu_share > cpus)
            verdict.excluded = fmt::format("takes {} of a CPU, and there are {}",
                                           percent_words(verdict.cpu_share), cpus);
        if (!std::isfinite(verdict.cpu_share)) {
            verdict.cpu_share = 0;  // else it has no place in the order
            if (verdict.excluded.empty())
                verdict.excluded = "what was measured gives no prediction for this";
        }
        verdicts.push_back(std::move(verdict));
    }
    std::stable_sort(verdicts.begin(), verdicts.end(), [](const auto& a, const auto& b) {
        if (a.excluded.empty() != b.excluded.empty()) return a.excluded.empty();
        return a.cpu_share < b.cpu_share;
    });
    return verdicts;
}

}  // namespace statctl::measure
