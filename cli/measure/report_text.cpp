// SPDX-License-Identifier: MIT
#include "measure/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

#include "measure/points.hpp"
#include "measure/primitives_text.hpp"
#include "measure/spread.hpp"
#include "measure/verdict.hpp"
#include "measure/yardstick.hpp"
#include "table.hpp"
#include "units.hpp"

namespace statctl::measure {

namespace {

using statchan::results::Metric;
using statchan::results::Point;
using statchan::results::Results;

// A column of a report.
struct Figure {
    std::string_view metric;
    std::string_view title;
    bool less_is_better = true;
};

struct Section {
    std::string_view workload;
    std::string_view title;
    std::vector<Figure> figures;
};

const std::array<Section, 7>& sections() {
    static const std::array<Section, 7> all{{
        {"snapshot",
         "snapshot: one generation, until every counter has been read",
         {{"time.p50", "p50"},
          {"time.p99", "p99"},
          {"call.p50", "call"},
          {"throughput", "per second", false},
          {"reader.per_kb", "reader/KB"},
          {"system_calls", "calls"},
          {"retries", "retries"},
          {"memory", "memory"}}},
        {"samples",
         "samples: a producer without pause, one consumer",
         {{"delivered", "delivered/s", false},
          {"lost", "lost/s"},
          {"producer", "producer"},
          {"consumer", "consumer"},
          {"cpu.total", "CPU"},
          {"wakeups", "wakeups"},
          {"system_calls", "calls"},
          {"memory", "memory"}}},
        {"producer",
         "producer: what a record costs who emits it, and then who reads it, each alone",
         {{"producer.alone", "producer"},
          {"accepted", "accepted/s", false},
          {"consumer.alone", "consumer"}}},
        {"lossless",
         "lossless: the highest rate at which nothing was lost, nor piled up",
         {{"lossless", "records/s", false}}},
        {"latency",
         "latency: from the time a record was due until the program has it",
         {{"latency.p50", "p50"},
          {"latency.p90", "p90"},
          {"latency.p99", "p99"},
          {"latency.p99_9", "p99.9"},
          {"latency.max", "max"}}},
        {"control",
         "control: one change, one question",
         {{"set.p50", "set p50"},
          {"set.p99", "set p99"},
          {"get.p50", "get p50"},
          {"get.p99", "get p99"}}},
        {"events",
         "events: a change, until all subscribers have heard of it",
         {{"all_heard.p50", "p50"}, {"all_heard.p99", "p99"}}},
    }};
    return all;
}

std::string number(double value, std::string_view unit) {
    if (unit == "ns" || unit == "ns/record" || unit == "ns/KB") {
        if (value >= 1e9) return fmt::format("{:.2f} s", value / 1e9);
        if (value >= 1e6) return fmt::format("{:.1f} ms", value / 1e6);
        if (value >= 1e4) return fmt::format("{:.0f} us", value / 1e3);
        if (value >= 1e3) return fmt::format("{:.1f} us", value / 1e3);
        return fmt::format("{:.0f} ns", value);
    }
    if (unit == "B")
        return (value < 0 ? "-" : "") + format_size(static_cast<std::uint64_t>(std::abs(value)));
    if (unit == "B/s") return fmt::format("{:.0f} MB/s", value / 1e6);
    if (unit == "1/s") return format_rate(value);
    return value < 10 ? fmt::format("{:.3f}", value) : fmt::format("{:.0f}", value);
}

}  // namespace

std::string describe_load(const Point& point) {
    const auto& load = point.load();
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
    if (load.bytes() != 0) add(format_size(load.bytes()));
    if (load.readers() > 1) add(fmt::format("{} readers", load.readers()));
    if (load.churn()) add("each a new one");
    if (load.live()) add("live, refreshed every 10 ms");
    if (load.cpus() != 0) add(fmt::format("{} CPU{}", load.cpus(), load.cpus() == 1 ? "" : "s"));
    if (!load.policy().empty()) add(load.policy());
    if (load.buffer() != 0) add(format_size(load.buffer()) + " buffer");
    if (load.rate() != 0) add(fmt::format("{:.0f}/s", load.rate()));
    if (load.share() != 0) add(fmt::format("{:.0f} % of its capacity", load.share() * 100));
    return printable(std::move(text));
}

namespace {

// The points of one load, one for each transport, in the order of the run.
std::vector<std::vector<const Point*>> by_load(const Results& results, std::string_view workload) {
    std::vector<std::vector<const Point*>> groups;
    for (const auto& point : results.points()) {
        if (point.workload() != workload) continue;
        const auto key = point.load().SerializeAsString();
        const auto at = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
            return group.front()->load().SerializeAsString() == key;
        });
        if (at == groups.end())
            groups.push_back({&point});
        else
            at->push_back(&point);
    }
    return groups;
}

std::optional<double> best_of(const std::vector<const Point*>& group, const Figure& figure) {
    std::optional<double> best;
    for (const auto* point : group) {
        const auto* metric = find_metric(*point, figure.metric);
        if (metric == nullptr || !point->fault().empty()) continue;
        const auto value = metric->value().median();
        if (!best || (figure.less_is_better ? value < *best : value > *best)) best = value;
    }
    return best;
}

Cell figure_cell(const Point& point, const Figure& figure, std::optional<double> best,
                 bool colour) {
    const auto* metric = find_metric(point, figure.metric);
    if (metric == nullptr) return std::nullopt;
    const auto value = metric->value().median();
    Cell cell{value, number(value, metric->unit())};
    const auto spread = noise(metric->value());
    if (spread >= 0.005) cell.text += fmt::format(" ±{:.0f}%", spread * 100);
    if (best && value == *best) {
        cell.marked = true;
        if (!colour) cell.text += " *";
    }
    return cell;
}

// The largest, which has the longest bar.
double most_of(const std::vector<const Point*>& group, const Figure& figure) {
    double most = 0;
    for (const auto* point : group)
        if (const auto* metric = find_metric(*point, figure.metric))
            most = std::max(most, metric->value().median());
    return most;
}

// For people, who look at a terminal.
std::string bar_of(const Point& point, const Figure& figure, double most) {
    const auto* metric = find_metric(point, figure.metric);
    return metric == nullptr ? std::string{} : bar(metric->value().median(), most);
}

void print_group(Out& out, const Section& section, const std::vector<const Point*>& group) {
    out.print("{}\n", describe_load(*group.front()));
    const auto& main = section.figures.front();
    const auto most = most_of(group, main);
    const std::size_t bars = out.is_terminal() ? 1 : 0;
    TextTable table{section.figures.size() + 2 + bars};
    table.set_column(0, "transport", Align::left);
    for (std::size_t i = 0; i < section.figures.size(); ++i)
        table.set_column(i + 1, section.figures[i].title, Align::right);
    if (bars != 0) table.set_column(section.figures.size() + 1, main.title, Align::left);
    table.set_column(section.figures.size() + 1 + bars, "books", Align::left);
    for (const auto* point : group) {
        table.add(0, point->transport());
        for (std::size_t i = 0; i < section.figures.size(); ++i) {
            const auto& figure = section.figures[i];
            table.add(i + 1, figure_cell(*point, figure, best_of(group, figure), out.colour()));
        }
        if (bars != 0) table.add(section.figures.size() + 1, bar_of(*point, main, most));
        Cell books{point->fault().empty() ? std::string{"ok"} : "FAULT: " + point->fault()};
        books.marked = !point->fault().empty();
        table.add(section.figures.size() + 1 + bars, books);
    }
    table.print(out, out.colour());
    out.write("\n");
}

// What the tables of a workload show, sentence by sentence.
void print_words(Out& out, const std::vector<Paragraph>& paragraphs, std::string_view workload) {
    for (const auto& paragraph : paragraphs) {
        if (paragraph.workload != workload) continue;
        for (const auto& finding : paragraph.findings) out.print("- {}\n", printable(finding.text));
        if (!paragraph.noise.empty()) out.print("- {}\n\n", printable(paragraph.noise));
    }
}

// A figure of the other run against that of the first.
Cell ratio_cell(const Metric& first, const Metric& other, double drift, std::size_t& beyond) {
    const auto found = ratio_of_runs(first.value(), other.value(), drift);
    if (!found) return std::nullopt;
    Cell cell{found->ratio, fmt::format("x{:.2f}", found->ratio)};
    cell.marked = found->beyond;
    if (cell.marked) ++beyond;
    cell.text += fmt::format(" {} ±{:.0f}%", cell.marked ? "!" : " ", found->noise * 100);
    return cell;
}

}  // namespace

std::string describe(const statchan::results::Environment& e) {
    return printable(fmt::format(
        "Linux {}, {}, {} CPUs, {}, pages of {} bytes, clock {}{}", e.kernel(), e.cpu(), e.cpus(),
        e.accelerator().empty() ? std::string{"no lab"} : "accelerator " + e.accelerator(),
        e.page_size(), e.clock(), e.instructions() ? "; one ns is one instruction" : ""));
}

std::string_view main_figure(std::string_view workload) {
    for (const auto& section : sections())
        if (section.workload == workload) return section.figures.front().metric;
    return {};
}

void print_report(Out& out, const Results& results) {
    out.print("{}\n", describe(results.environment()));
    out.print("{:.0f} s; medians{}{}\n\n", results.seconds(),
              out.colour() ? ", the best marked" : ", the best of a column has a *",
              results.complete() ? "" : "; ended early");
    if (results.primitives_size() != 0) {
        out.write("primitives: what the crossings of this boot cost\n");
        print_primitives(out, results);
        out.write("\n");
    }
    const auto paragraphs = conclude(results);
    for (const auto& section : sections()) {
        const auto groups = by_load(results, section.workload);
        if (groups.empty()) continue;
        out.print("{}\n", section.title);
        for (const auto& group : groups) print_group(out, section, group);
        print_words(out, paragraphs, section.workload);
    }
    for (const auto& caveat : caveats(results)) out.print("Mind: {}\n", printable(caveat));
}

void print_comparison(Out& out, std::span<const Results> runs, std::span<const std::string> names) {
    const auto letter = [](std::size_t i) {
        return std::string(1, static_cast<char>('A' + i % 26));
    };
    for (std::size_t i = 0; i < runs.size(); ++i)
        out.print("{}: {}: {}\n", letter(i), names[i], describe(runs[i].environment()));
    for (std::size_t i = 1; i < runs.size(); ++i)
        if (const auto& yard = runs[i].yardstick();
            yard.median() != 0 && drift(runs[0], runs[i]) != 0)
            out.print(
                "{}: the machine itself took x{:.2f} of its time in A, ±{:.0f} % meanwhile; "
                "that is in the noise of each figure\n",
                letter(i), yard.median() / runs[0].yardstick().median(), noise(yard) * 100);
    std::size_t beyond = 0;
    std::size_t compared = 0;
    for (const auto& section : sections()) {
        const auto& figure = section.figures.front();
        TextTable table{2 + runs.size()};
        table.set_column(0, section.workload, Align::left);
        table.set_column(1, "transport", Align::left);
        for (std::size_t i = 0; i < runs.size(); ++i)
            table.set_column(2 + i, letter(i), Align::right);
        for (const auto& point : runs.front().points()) {
            const auto* first = find_metric(point, figure.metric);
            if (point.workload() != section.workload || first == nullptr) continue;
            if (point.load().share() != 0) continue;  // of another rate in each run
            if (!point.fault().empty()) continue;     // the caveats tell
            table.add(0, describe_load(point));
            table.add(1, point.transport());
            table.add(2, Cell{number(first->value().median(), first->unit())});
            for (std::size_t i = 1; i < runs.size(); ++i) {
                const auto* other = same_point(runs[i], point);
                const auto* metric = other == nullptr || !other->fault().empty()
                                         ? nullptr
                                         : find_metric(*other, figure.metric);
                table.add(2 + i,
                          metric == nullptr
                              ? Cell{std::nullopt}
                              : ratio_cell(*first, *metric, drift(runs.front(), runs[i]), beyond));
                compared += metric != nullptr ? 1U : 0U;
            }
        }
        if (table.rows() == 0) continue;
        out.print("\n{}: {}\n", section.title, figure.title);
        table.print(out, out.colour());
    }
    out.print("\n{} of {} figures differ by more than their repetitions do (!)\n", beyond,
              compared);
    for (std::size_t i = 0; i < runs.size(); ++i)
        for (const auto& caveat : caveats(runs[i]))
            out.print("Mind, {}: {}\n", letter(i), printable(caveat));
}

}  // namespace statctl::measure
