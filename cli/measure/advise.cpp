// SPDX-License-Identifier: MIT
//
#include "measure/advise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "measure/curve.hpp"
#include "measure/points.hpp"
#include "measure/words.hpp"

namespace statctl::measure {

namespace {

using statchan::results::Results;

// Octaves beyond what was measured: a cost per call and per byte goes on as it is, a limit does
// not.
constexpr double far = 3;
constexpr double near = 1;

void can_not(Verdict& verdict, std::string why) { verdict.excluded = std::move(why); }

// Nobody knows whether it can.
void not_measured(Verdict& verdict, std::string what) {
    verdict.excluded = std::move(what);
    verdict.unmeasured = true;
}

bool was_measured(const Results& results, const std::string& transport, std::string_view workload) {
    return std::any_of(results.points().begin(), results.points().end(), [&](const auto& point) {
        return point.transport() == transport && point.workload() == workload && is_plain(point);
    });
}

// Others were measured at it, and this one has not even a fault: it has no such thing.
bool carries_none(const Results& results, const std::string& transport, std::string_view workload) {
    bool others = false;
    for (const auto& point : results.points()) {
        if (point.workload() != workload) continue;
        if (point.transport() == transport) return false;
        others = true;
    }
    return others;
}

// Of a byte of a snapshot: what a new one costs beside the reading of one that is there.
std::optional<double> renewal(const Results& results, const std::string& transport) {
    const auto there = curve_by_size(results, transport, "snapshot", "time.p50");
    for (const auto& point : results.points()) {
        const auto& load = point.load();
        const auto bytes = static_cast<double>(load.bytes());
        const auto* time = find_metric(point, "time.p50");
        if (point.transport() != transport || point.workload() != "snapshot" || !load.churn() ||
            load.readers() > 1 || !point.fault().empty() || time == nullptr || bytes <= 0 ||
            !there.tells(bytes, 0))
            continue;
        return std::max(0.0, time->value().median() - there.at(bytes).value) / bytes;
    }
    return std::nullopt;
}

void judge_snapshots(const Results& results, const Need& need, Verdict& verdict) {
    const auto size = static_cast<double>(need.snapshot_bytes);
    const auto& transport = verdict.transport;
    if (carries_none(results, transport, "snapshot"))
        return can_not(verdict, "carries no snapshots");
    const auto times = curve_by_size(results, transport, "snapshot", "time.p50");
    if (!times.tells(size, far))
        return not_measured(verdict, "no snapshots near that size were measured");
    const auto anew = renewal(results, transport);
    if (!anew) return not_measured(verdict, "what a new snapshot costs was not measured");
    const auto read = times.at(size);
    verdict.read_ns = read.value;
    verdict.time_ns = read.value + *anew * size;
    verdict.uncertainty = read.uncertainty;
    verdict.cpu_share = verdict.time_ns * need.readers / need.every_ns;
    if (verdict.time_ns > need.every_ns)
        return can_not(verdict,
                       fmt::format("a snapshot takes {}, longer than the {} between two",
                                   time_words(verdict.time_ns), time_words(need.every_ns)));
    const auto memory = curve_by_size(results, transport, "snapshot", "memory");
    if (need.memory != 0 && !memory.tells(size, far))
        return not_measured(verdict, "the memory for a snapshot of that size was not measured");
    if (need.memory != 0 && memory.at(size).value * need.readers > static_cast<double>(need.memory))
        return can_not(
            verdict, fmt::format("takes {:.0f} bytes for {} readers, more than {}",
                                 memory.at(size).value * need.readers, need.readers, need.memory));
    verdict.explanation = fmt::format(
        "a new snapshot is taken and read in {}, of that read in {}; {} reader{} "
        "take{} {} of a CPU",
        time_words(verdict.time_ns), time_words(read.value), need.readers,
        need.readers == 1 ? "" : "s", need.readers == 1 ? "s" : "",
        percent_words(verdict.cpu_share));
}

bool is_multicast(const std::string& transport) { return transport.starts_with("netlink"); }

// Records per second that it delivers; nothing: the verdict says why not. What is delivered while
// more is offered is not what is delivered without loss.
std::optional<double> capacity(const Results& results, const Need& need, Verdict& verdict) {
    const auto size = static_cast<double>(need.record_bytes);
    const std::string workload = need.no_loss ? "lossless" : "samples";
    const auto rates = curve_by_size(results, verdict.transport, workload,
                                     need.no_loss ? "lossless" : "delivered");
    if (rates.tells(size, near)) return rates.at(size).value;
    if (!rates.empty())
        not_measured(verdict, "it was measured with records of other sizes only");
    else if (was_measured(results, verdict.transport, workload))
        can_not(verdict, "lost records at every rate that was tried");
    else
        not_measured(verdict, need.no_loss ? "its highest rate without loss was not measured"
                                           : "its samples were not measured");
    return std::nullopt;
}

bool is_in_time(const Results& results, const Need& need, Verdict& verdict) {
    const auto tail = tail_by_rate(results, verdict.transport);
    const bool known = tail.tells(need.rate, near);
    if (known) verdict.time_ns = tail.at(need.rate).value;
    if (need.latency_ns == 0) return true;
    if (!known)
        not_measured(verdict,
                     "its latency was not measured near that rate, or with losses, or of too few");
    else if (verdict.time_ns > need.latency_ns)
        can_not(verdict, fmt::format("1 record in 100 takes {} or longer, more than {}",
                                     time_words(verdict.time_ns), time_words(need.latency_ns)));
    return verdict.excluded.empty();
}

// Multicast is written once and kept once, however many listen; the others once for each.
double copies(const Need& need, const Verdict& verdict) {
    return is_multicast(verdict.transport) ? 1 : need.readers;
}

bool fits(const Results& results, const Need& need, Verdict& verdict) {
    if (need.memory == 0) return true;
    const auto memory = curve_by_size(results, verdict.transport, "samples", "memory");
    const auto size = static_cast<double>(need.record_bytes);
    if (!memory.tells(size, far)) {
        not_measured(verdict, "the memory of its buffers was not measured");
    } else if (const auto all = memory.at(size).value * copies(need, verdict);
               all > static_cast<double>(need.memory)) {
        can_not(verdict, fmt::format("its buffers take {:.0f} bytes as measured, more than {}: "
                                     "measure it with smaller ones",
                                     all, need.memory));
    }
    return verdict.excluded.empty();
}

void judge_samples(const Results& results, const Need& need, Verdict& verdict) {
    if (carries_none(results, verdict.transport, "samples"))
        return can_not(verdict, "carries no samples");
    const auto size = static_cast<double>(need.record_bytes);
    const auto most = capacity(results, need, verdict);
    if (!most) return;
    if (need.rate > *most)
        return can_not(
            verdict, fmt::format("delivers {:.0f} records of {} bytes per second at most{}", *most,
                                 need.record_bytes, need.no_loss ? " without loss" : ""));
    if (!is_in_time(results, need, verdict) || !fits(results, need, verdict)) return;
    // alone: where most records are lost, a producer has little to do
    const auto producer = curve_by_size(results, verdict.transport, "producer", "producer.alone");
    const auto consumer = curve_by_size(results, verdict.transport, "samples", "consumer");
    if (!producer.tells(size, far) || !consumer.tells(size, far))
        return not_measured(verdict, "what a record of that size costs was not measured");
    const auto once = producer.at(size);
    const auto each = consumer.at(size);
    const auto writes = once.value * copies(need, verdict);
    verdict.write_ns = once.value;
    verdict.read_ns = each.value;
    verdict.cpu_share = need.rate * (writes + each.value * need.readers) / 1e9;
    verdict.uncertainty = larger(once.uncertainty, each.uncertainty);
    verdict.explanation = fmt::format(
        "{} per record to write and {} to read: {} of a CPU; it can deliver {:.1f} times as many",
        time_words(writes), time_words(each.value), percent_words(verdict.cpu_share),
        *most / need.rate);
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
