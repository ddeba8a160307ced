// SPDX-License-Identifier: MIT
#include "measure/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "measure/points.hpp"
#include "measure/questions.hpp"
#include "measure/ranking.hpp"
#include "measure/report_text.hpp"
#include "measure/spread.hpp"
#include "measure/words.hpp"
#include "units.hpp"

namespace statctl::measure {

namespace {

using statchan::results::Load;
using statchan::results::Point;
using statchan::results::Results;

// The group of that size, or the one in the middle.
const Group& reference(const std::vector<Group>& groups, std::string_view name) {
    const auto at = std::find_if(groups.begin(), groups.end(),
                                 [&](const auto& group) { return group.name == name; });
    return at == groups.end() ? groups[groups.size() / 2] : *at;
}

// The value of most points.
template <class T, class Of>
T most_common(const Points& points, Of&& of) {
    std::map<T, int> counts;
    for (const auto* point : points) ++counts[of(point->load())];
    const auto at =
        std::max_element(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return at == counts.end() ? T{} : at->first;
}

// ---- snapshots

// Who falls behind the fastest as snapshots grow, and who catches up.
void snapshot_ground(std::vector<Finding>& findings, const std::vector<Group>& sizes) {
    if (sizes.size() < 2) return;
    const auto small = rank(sizes.front().points, metric("time.p50"), true);
    const auto large = rank(sizes.back().points, metric("time.p50"), true);
    const auto fastest = [](const Ranking& r) {
        return r.entries.empty() ? 0 : r.entries.front().value.median();
    };
    if (fastest(small) == 0 || fastest(large) == 0) return;
    std::vector<std::string> losing, gaining;
    for (const auto& end : large.entries) {
        const auto* start = small.find(end.transport);
        if (start == nullptr) continue;
        const auto before = start->value.median() / fastest(small);
        const auto after = end.value.median() / fastest(large);
        const auto enough = 1.25 + noise(start->value) + noise(end.value);
        const auto words = fmt::format("{} (from {} to {} times the fastest)", end.transport,
                                       factor_words(before), factor_words(after));
        if (after > before * enough) losing.push_back(words);
        if (before > after * enough) gaining.push_back(words);
    }
    std::string text;
    if (!losing.empty())
        text = fmt::format("{} lose{} ground", list_words(losing), losing.size() == 1 ? "s" : "");
    if (!gaining.empty())
        text += fmt::format("{}{} catch{} up", text.empty() ? "" : "; ", list_words(gaining),
                            gaining.size() == 1 ? "es" : "");
    if (text.empty()) return;
    findings.push_back({"snapshot-time",
                        {},
                        {},
                        fmt::format("As snapshots grow from {} to {}: {}.", sizes.front().name,
                                    sizes.back().name, text)});
}

std::optional<double> per_byte(const Results& results, std::string_view name, double bytes) {
    for (const auto& primitive : results.primitives())
        if (primitive.name() == name && static_cast<double>(primitive.bytes()) == bytes)
            return primitive.value().median();
    return std::nullopt;
}

// What is known of why a KiB of a large snapshot costs more than one of a small one.
std::string growth_reason(const Results& results, const std::string& transport, double from,
                          double to) {
    if (transport == "procfs") return "it is text: higher instance numbers have more digits";
    const auto small = per_byte(results, "memcpy.user", from);
    const auto large = per_byte(results, "memcpy.user", to);
    if (!small || !large || *large <= *small) return {};
    return fmt::format("memcpy() alone grows by {}", percent_words(*large / *small - 1));
}

// A KiB should cost the same in a snapshot of any size.
void snapshot_growth(std::vector<Finding>& findings, const Results& results,
                     const std::vector<Group>& sizes) {
    const auto bytes = [](const Group& group) {
        return static_cast<double>(group.points.front()->load().bytes());
    };
    const auto first = std::find_if(sizes.begin(), sizes.end(),
                                    [&](const auto& group) { return bytes(group) >= 65536; });
    if (first == sizes.end() || first + 1 == sizes.end()) return;
    const auto& last = sizes.back();
    const auto small = rank(first->points, metric("reader.per_kb"), true);
    std::vector<std::string> dearer;
    for (const auto& end : rank(last.points, metric("reader.per_kb"), true).entries) {
        const auto* start = small.find(end.transport);
        const auto ratio = start == nullptr ? std::nullopt : ratio_of(start->value, end.value);
        if (!ratio || !ratio->beyond || ratio->ratio < 1.1) continue;
        const auto why = growth_reason(results, end.transport, bytes(*first), bytes(last));
        dearer.push_back(fmt::format("{} {}{}{}{}", end.transport, percent_words(ratio->ratio - 1),
                                     why.empty() ? "" : " (", why, why.empty() ? "" : ")"));
    }
    findings.push_back(
        {"snapshot-cost",
         {},
         {},
         fmt::format("From {} to {} the cost of a KiB grows by more than 10 % "
                     "beyond the noise with {}.",
                     first->name, last.name, dearer.empty() ? "none" : list_words(dearer))});
}

std::vector<Finding> snapshots(const Results& results) {
    std::vector<Finding> findings;
    const auto sizes = by_bytes(select(results, "snapshot", [](const Load& load) {
        return !load.churn() && !load.live() && load.readers() <= 1;
    }));
    const Question time{"snapshot-time", {}, "Fastest", metric("time.p50")};
    const auto ask = [&](std::string chart, std::string topic, std::string text, const char* name,
                         const Points& points) {
        judge(findings, {std::move(chart), std::move(topic), std::move(text), metric(name)},
              points);
    };
    if (!sizes.empty()) {
        const auto& middle = reference(sizes, "1 MiB");
        overview(findings, time, sizes);
        ask("snapshot-time", "small snapshots", "At " + sizes.front().name, "time.p50",
            sizes.front().points);
        if (sizes.size() > 1)
            ask("snapshot-time", "large snapshots", "At " + sizes.back().name, "time.p50",
                sizes.back().points);
        snapshot_ground(findings, sizes);
        snapshot_growth(findings, results, sizes);
        ask("snapshot-tail", "tail", "Shortest p99 at " + middle.name, "time.p99", middle.points);
        ask("snapshot-cost", "cost to the reader",
            fmt::format("Least CPU of the reader, for each KiB at {}", middle.name),
            "reader.per_kb", middle.points);
    }
    for (const auto& group : by_bytes(select(results, "snapshot", [](const Load& load) {
             return load.churn() && load.readers() <= 1;
         })))
        ask("snapshot-churn", "each a new one",
            fmt::format("When each is a new one, the driver's work included, at {}", group.name),
            "time.p50", group.points);
    for (const auto& group :
         by_bytes(select(results, "snapshot", [](const Load& load) { return load.live(); })))
        ask("snapshot-live", "live",
            fmt::format("Read live, without a call, while the kernel refreshes it, at {}",
                        group.name),
            "time.p50", group.points);
    std::map<std::uint32_t, Points> crowds;
    for (const auto* point : select(results, "snapshot", [](const Load& load) {
             return !load.churn() && !load.live() && load.readers() > 1;
         }))
        crowds[point->load().readers()].push_back(point);
    if (!crowds.empty())
        ask("snapshot-readers", "many readers",
            fmt::format("With {} readers at once", crowds.rbegin()->first), "time.p50",
            crowds.rbegin()->second);
    return findings;
}

// ---- samples

// What most points of the workload have in common, so that one thing at a time differs from it.
struct Usual {
    std::uint64_t bytes = 0;
    std::uint64_t buffer = 0;
    std::string policy;
};

Usual usual_of(const Points& points) {
    Usual usual;
    usual.bytes = most_common<std::uint64_t>(points, [](const Load& l) { return l.bytes(); });
    usual.buffer = most_common<std::uint64_t>(points, [](const Load& l) { return l.buffer(); });
    usual.policy = most_common<std::string>(points, [](const Load& l) { return l.policy(); });
    const bool batched = std::any_of(points.begin(), points.end(), [](const auto* point) {
        return point->load().policy() == "batch64";
    });
    if (batched) usual.policy = "batch64";
    return usual;
}

// The loads that as many CPUs produce as can, by size.
std::vector<Group> of_several_cpus(const Results& results, std::string_view workload) {
    auto points = select(results, workload, [](const Load& load) { return load.cpus() > 1; });
    std::uint32_t most = 0;
    for (const auto* point : points) most = std::max(most, point->load().cpus());
    std::erase_if(points, [&](const auto* point) { return point->load().cpus() != most; });
    return by_bytes(points);
}

void samples_by_size(std::vector<Finding>& findings, const std::vector<Group>& sizes,
                     const std::string& policy) {
    Question question{"samples-rate/" + policy, {},         "Most records delivered",
                      metric("delivered"),      rate_words, false};
    overview(findings, question, sizes);
    question.topic = "small records";
    question.text = fmt::format("Records of {} delivered each second", sizes.front().name);
    judge(findings, question, sizes.front().points);
    if (sizes.size() < 2) return;
    question.topic = "large records";
    question.text = fmt::format("Records of {} delivered each second", sizes.back().name);
    judge(findings, question, sizes.back().points);
}

void samples_at(std::vector<Finding>& findings, const Group& group) {
    const auto ask = [&](const char* chart, const char* topic, const char* text, Value value,
                         Format format) {
        judge(findings,
              {chart, topic, fmt::format("{} at {}", text, group.name), std::move(value), format},
              group.points);
    };
    ask("samples-loss", "under overload",
        "Smallest share lost of what a producer without pause offers", lost_share, percent_words);
    ask("samples-cost", "cost to the consumer", "Cheapest to read, for each record",
        metric("consumer"), time_words);
    ask("samples-cost", "cost to the machine",
        "Least CPU of the whole machine, for each record that arrived", metric("cpu.total"),
        time_words);
    ask("samples-memory", "memory", "Smallest buffers", metric("memory"), bytes_words);
}

// Who gains when nobody is woken for a single record.
void samples_policy(std::vector<Finding>& findings, const Points& each, const Points& batched) {
    std::vector<std::string> more, fewer, same;
    const auto value = metric("delivered");
    const auto before = rank(each, value, false);
    for (const auto& entry : rank(batched, value, false).entries) {
        const auto* alone = before.find(entry.transport);
        const auto ratio = alone == nullptr ? std::nullopt : ratio_of(alone->value, entry.value);
        if (!ratio || ratio->ratio == 0) continue;
        const auto words = [&](double factor) {
            return fmt::format("{} {} times", entry.transport, factor_words(factor));
        };
        if (!ratio->beyond)
            same.push_back(entry.transport);
        else if (ratio->ratio > 1)
            more.push_back(words(ratio->ratio));
        else
            fewer.push_back(words(1 / ratio->ratio));
    }
    std::vector<std::string> parts;
    if (!more.empty()) parts.push_back(list_words(more) + " as many records arrive");
    if (!fewer.empty()) parts.push_back(list_words(fewer) + " fewer");
    if (!same.empty()) parts.push_back("no difference beyond the noise with " + list_words(same));
    if (parts.empty()) return;
    findings.push_back(
        {"samples-policy",
         {},
         {},
         fmt::format("If the consumer is woken for 64 records instead of for each: {}.",
                     fmt::join(parts, "; "))});
}

std::vector<Finding> samples(const Results& results) {
    std::vector<Finding> findings;
    const auto all = select(results, "samples", [](const Load&) { return true; });
    if (all.empty()) return findings;
    const auto usual = usual_of(all);
    const auto with = [&](const std::string& policy, bool any_size) {
        return select(results, "samples", [&](const Load& load) {
            return load.cpus() <= 1 && load.buffer() == usual.buffer && load.policy() == policy &&
                   (any_size || load.bytes() == usual.bytes);
        });
    };
    const auto sizes = by_bytes(with(usual.policy, true));
    if (!sizes.empty()) {
        samples_by_size(findings, sizes, usual.policy);
        samples_at(findings, reference(sizes, format_size(usual.bytes)));
    }
    for (const auto* policy : {"busy", "each", "batch64", "timeout"}) {
        const auto other = by_bytes(with(policy, true));
        if (policy != usual.policy && other.size() > 1)
            overview(findings,
                     {fmt::format("samples-rate/{}", policy),
                      {},
                      fmt::format("Most records delivered under policy {}", policy),
                      metric("delivered"),
                      rate_words,
                      false},
                     other);
    }
    samples_policy(findings, with("each", false), with("batch64", false));
    for (const auto& group : of_several_cpus(results, "samples"))
        judge(findings,
              {"samples-cpus", "several producers",
               fmt::format("Records of {} delivered each second, from {} CPUs at once", group.name,
                           group.points.front()->load().cpus()),
               metric("delivered"), rate_words, false},
              group.points);
    return findings;
}

// ---- each side alone, and the highest rate without loss

std::vector<Finding> producer(const Results& results) {
    std::vector<Finding> findings;
    const auto ask = [&](const char* topic, const std::string& text, const char* name,
                         const Points& points) {
        judge(findings, {"producer", topic, text, metric(name)}, points);
    };
    const auto alone =
        by_bytes(select(results, "producer", [](const Load& load) { return load.cpus() <= 1; }));
    if (!alone.empty()) {
        const auto& group = alone.back();
        ask("to emit", "To emit a record of " + group.name, "producer.alone", group.points);
        ask("to read", "To read a record of " + group.name, "consumer.alone", group.points);
    }
    for (const auto& group : of_several_cpus(results, "producer"))
        judge(findings,
              {"producer", "all CPUs emit",
               fmt::format("Records of {} accepted each second, from {} CPUs at once", group.name,
                           group.points.front()->load().cpus()),
               metric("accepted"), rate_words, false},
              group.points);
    return findings;
}

std::vector<Finding> lossless(const Results& results) {
    std::vector<Finding> findings;
    for (const auto& group :
         by_bytes(select(results, "lossless", [](const Load&) { return true; })))
        judge(findings,
              {"lossless", "nothing lost",
               fmt::format("Highest rate of records of {} without a loss", group.name),
               metric("lossless"), rate_words, false},
              group.points);
    return findings;
}

// ---- latency

struct Tail {
    const char* metric;
    const char* name;
    double quantile;
};

constexpr std::array<Tail, 4> tails{{{"latency.p99_99", "p99.99", 0.9999},
                                     {"latency.p99_9", "p99.9", 0.999},
                                     {"latency.p99", "p99", 0.99},
                                     {"latency.p90", "p90", 0.9}}};

// The highest quantile that is known whatever the transport.
const Tail& known_tail(const Points& points) {
    for (const auto& tail : tails)
        if (std::all_of(points.begin(), points.end(), [&](const auto* point) {
                return !point->fault().empty() || has_quantile(*point, tail.quantile);
            }))
            return tail;
    return tails.back();
}

// Without those that lost records: of what never came nobody knows how late it would have been.
Points complete(Points points) {
    std::erase_if(points, [](const auto* point) {
        const auto* lost = find_metric(*point, "lost");
        return lost != nullptr && lost->value().median() > 0;
    });
    return points;
}

std::string offered_words(const Load& load) {
    if (load.share() != 0) return percent_words(load.share()) + " of its own capacity";
    if (load.rate() == 0) return "the rate of its traffic";
    if (load.rate() >= 1000) return fmt::format("{:.4g} k/s", load.rate() / 1000);
    return fmt::format("{:.4g} /s", load.rate());
}

// Of records whose size is all that tells their load from another.
std::string size_words(const Points& points, std::size_t loads) {
    const auto& load = points.front()->load();
    const bool only = load.share() == 0 && load.rate() == 0 && loads > 1;
    return only ? ", records of " + format_size(load.bytes()) : std::string{};
}

std::vector<Finding> latency(const Results& results) {
    std::vector<Finding> findings;
    std::map<std::tuple<double, double, std::uint64_t>, Points> loads;  // rates, then shares
    for (const auto* point :
         complete(select(results, "latency", [](const Load&) { return true; }))) {
        const auto& load = point->load();
        loads[{load.share(), load.rate(), load.bytes()}].push_back(point);
    }
    std::vector<Group> rates;  // where p99 is known
    for (const auto& [load, points] : loads)
        if (std::get<1>(load) != 0 && known_tail(points).quantile >= 0.99)
            rates.push_back({offered_words(points.front()->load()), points});
    overview(findings, {"latency-rate", {}, "Shortest p99", metric("latency.p99")}, rates);
    for (const auto& [load, points] : loads) {
        const auto name = offered_words(points.front()->load()) + size_words(points, loads.size());
        const auto chart = "latency/" + describe_load(*points.front());
        const auto& tail = known_tail(points);
        judge(findings,
              {chart, "typical latency, " + name, "Half of the records, at " + name,
               metric("latency.p50")},
              points);
        judge(findings,
              {chart, fmt::format("tail ({}), {}", tail.name, name),
               fmt::format("Shortest {} at {}", tail.name, name), metric(tail.metric)},
              points);
    }
    return findings;
}

// ---- control and events

std::vector<Finding> control(const Results& results) {
    std::vector<Finding> findings;
    const auto points = select(results, "control", [](const Load&) { return true; });
    judge(findings, {"control", "a change", "Fastest change", metric("set.p50")}, points);
    judge(findings, {"control", "a question", "Fastest question", metric("get.p50")}, points);
    return findings;
}

std::vector<Finding> events(const Results& results) {
    std::vector<Finding> findings;
    std::map<std::uint32_t, Points> readers;
    for (const auto* point : select(results, "events", [](const Load&) { return true; }))
        readers[point->load().readers()].push_back(point);
    for (const auto& [count, points] : readers) {
        const auto name = fmt::format("{} subscriber{}", count, count == 1 ? "" : "s");
        judge(findings,
              {"events", name,
               fmt::format("Until {} {} heard of a change", name, count == 1 ? "has" : "have"),
               metric("all_heard.p50")},
              points);
    }
    return findings;
}

// ---- all together

// How many questions each transport wins, most first.
std::string wins_words(const std::map<std::string, int>& wins) {
    std::vector<std::pair<std::string, int>> order(wins.begin(), wins.end());
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<std::string> words;
    words.reserve(order.size());
    for (const auto& [name, count] : order) words.push_back(fmt::format("{} {}", name, count));
    return list_words(words);
}

std::string tally(const std::vector<Finding>& findings) {
    std::map<std::string, int> alone, shared;
    int questions = 0, open = 0;
    for (const auto& finding : findings) {
        if (finding.topic.empty() || !finding.race) continue;
        ++questions;
        open += finding.best.empty() ? 1 : 0;
        for (const auto& name : finding.best) ++(finding.best.size() == 1 ? alone : shared)[name];
    }
    if (questions == 0) return {};
    std::vector<std::string> parts;
    if (!alone.empty()) parts.push_back("won alone: " + wins_words(alone));
    if (!shared.empty()) parts.push_back("shared the best place: " + wins_words(shared));
    if (open != 0) parts.push_back(fmt::format("undecided: {}", open));
    return fmt::format("{} question{} asked; {}.", questions, questions == 1 ? "" : "s",
                       fmt::join(parts, "; "));
}

std::string noise_words(const Results& results, std::string_view workload) {
    std::vector<double> noises;
    std::map<int, int> processes;  // points by how many processes measured them
    for (const auto& point : results.points()) {
        const auto* main = find_metric(point, main_figure(workload));
        if (point.workload() != workload || main == nullptr) continue;
        ++processes[main->value().values_size()];
        if (main->value().values_size() > 1) noises.push_back(noise(main->value()));
    }
    if (processes.empty()) return {};
    if (noises.empty())
        return "Each point was measured once: how large the noise is, is not known, and only "
               "differences of less than 5 % are called equal.";
    return fmt::format(
        "Each point is from {} fresh processes{}, which differ from their median by {} typically "
        "and by {} at most; what differs by less than its own noise, or by less than 5 %, is "
        "called equal.",
        processes.rbegin()->first, processes.size() > 1 ? " (what takes long from fewer)" : "",
        percent_words(quantile(noises, 0.5)), percent_words(quantile(noises, 1)));
}

}  // namespace

std::string Paragraph::text() const {
    std::string text;
    for (const auto& finding : findings) text += finding.text + " ";
    return text + noise;
}

std::vector<Paragraph> conclude(const Results& results) {
    std::vector<Paragraph> paragraphs{
        {"snapshot", snapshots(results), {}}, {"samples", samples(results), {}},
        {"producer", producer(results), {}},  {"lossless", lossless(results), {}},
        {"latency", latency(results), {}},    {"control", control(results), {}},
        {"events", events(results), {}}};
    for (auto& paragraph : paragraphs) {
        auto& findings = paragraph.findings;
        if (findings.empty()) continue;
        if (auto text = tally(findings); !text.empty())
            findings.insert(findings.begin(), Finding{{}, {}, {}, std::move(text)});
        paragraph.noise = noise_words(results, paragraph.workload);
    }
    return paragraphs;
}

std::vector<std::string> caveats(const Results& results) {
    std::vector<std::string> all;
    for (const auto& point : results.points()) {
        const auto where = fmt::format("{} over {}, {}", point.workload(), point.transport(),
                                       describe_load(point));
        if (!point.fault().empty())
            all.push_back(fmt::format("DOES NOT ADD UP: {}: {}. It counts for nothing.", where,
                                      point.fault()));
        if (!point.skipped().empty())
            all.push_back(fmt::format("Not measured: {}: {}.", where, point.skipped()));
    }
    if (!results.complete()) all.emplace_back("The run was ended early: points are missing.");
    const auto& accelerator = results.environment().accelerator();
    if (accelerator == "tcg")
        all.emplace_back(
            "Measured under software emulation (tcg): copies in the kernel look cheap beside "
            "reading "
            "in user space. Compare with the primitives of the same boot, and measure again on the "
            "hardware that counts.");
    if (results.environment().instructions())
        all.emplace_back("The clock counts instructions: one \"ns\" is one instruction.");
    return all;
}

}  // namespace statctl::measure
