// SPDX-License-Identifier: MIT
#include "measure/report_html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "json.hpp"
#include "measure/points.hpp"
#include "measure/ranking.hpp"
#include "measure/report_text.hpp"
#include "measure/spread.hpp"
#include "measure/verdict.hpp"
#include "measure/yardstick.hpp"

// In report_assets.S
extern "C" {
extern const char statctl_report_html[], statctl_report_html_end[];
extern const char statctl_report_css[], statctl_report_css_end[];
extern const char statctl_report_charts[], statctl_report_charts_end[];
extern const char statctl_report_figures[], statctl_report_figures_end[];
extern const char statctl_report_workloads[], statctl_report_workloads_end[];
extern const char statctl_report_script[], statctl_report_script_end[];
extern const char statctl_chart_js[], statctl_chart_js_end[];
}

namespace statctl::measure {

namespace {

using statchan::results::Histogram;
using statchan::results::Point;
using statchan::results::Results;
using statchan::results::Spread;

// No measurement is more exact, and the page stays small.
Json number(double value) {
    return std::isfinite(value) ? Json::raw(fmt::format("{:.5g}", value)) : Json{};
}

template <class Items, class Fn>
Json array_of(const Items& items, Fn&& json) {
    JsonArray array;
    for (const auto& item : items) array.add(json(item));
    return array.done();
}

Json strings(const auto& items) {
    return array_of(items, [](const std::string& s) { return Json{s}; });
}

// Without names: there are thousands of them. figures.js knows the order.
Json spread_json(const Spread& spread) {
    JsonArray array;
    return array.add(number(spread.median()))
        .add(number(spread.min()))
        .add(number(spread.max()))
        .add(spread.values_size())
        .add(number(noise(spread)))
        .done();
}

Json environment_json(const statchan::results::Environment& e) {
    JsonObject object;
    return object.add("kernel", e.kernel())
        .add("cpu", e.cpu())
        .add("cpus", e.cpus())
        .add("accelerator", e.accelerator())
        .add("page_size", e.page_size())
        .add("mitigations", strings(e.mitigations()))
        .add("governor", e.governor())
        .add("clock", e.clock())
        .add("abi", e.abi())
        .add("version", e.version())
        .add("command_line", e.command_line())
        .add("instructions", e.instructions())
        .done();
}

Json primitive_json(const statchan::results::Primitive& p) {
    JsonObject object;
    object.add("name", p.name())
        .add("unit", p.unit())
        .add("bytes", p.bytes())
        .add("what", p.what());
    if (p.unavailable().empty())
        object.add("value", spread_json(p.value()));
    else
        object.add("unavailable", p.unavailable());
    return object.done();
}

Json load_json(const Point& point) {
    const auto& load = point.load();
    JsonObject object;
    return object.add("text", describe_load(point))
        .add("bytes", load.bytes())
        .add("readers", load.readers())
        .add("cpus", load.cpus())
        .add("rate", load.rate())
        .add("share", load.share())
        .add("policy", load.policy())
        .add("buffer", load.buffer())
        .add("churn", load.churn())
        .add("live", load.live())
        .add("source", load.source())
        .done();
}

Json metric_json(const std::string& unit, const Spread& spread) {
    JsonObject object;
    return object.add("unit", unit).add("value", spread_json(spread)).done();
}

Json metrics_json(const Point& point) {
    JsonObject object;
    for (const auto& metric : point.metrics())
        object.add(metric.name(), metric_json(metric.unit(), metric.value()));
    if (const auto share = lost_share(point))
        object.add("lost.share", metric_json("share", *share));
    return object.done();
}

Json books_json(const statchan::results::Books& books) {
    JsonObject lost;
    for (const auto& [reason, count] : books.lost()) lost.add(reason, count);
    JsonObject object;
    return object.add("produced", books.produced())
        .add("received", books.received())
        .add("lost", lost.done())
        .add("closes", books.closes())
        .add("digests_checked", books.digests_checked())
        .add("digests_wrong", books.digests_wrong())
        .done();
}

// A curve of what share took at most how long. Steps that nobody could see are put together, to the
// longer time of the two.
Json latency_json(const Histogram& histogram) {
    constexpr double step = 0.97;  // of the share that is still to come
    const int n = std::min(histogram.upper_ns_size(), histogram.count_size());
    double all = 0;
    for (int i = 0; i < n; ++i) all += static_cast<double>(histogram.count(i));
    JsonArray times, counts;
    double left = all, told = all;
    std::uint64_t together = 0;
    for (int i = 0; i < n; ++i) {
        together += histogram.count(i);
        left -= static_cast<double>(histogram.count(i));
        if (left > told * step && i + 1 != n) continue;
        times.add(histogram.upper_ns(i));
        counts.add(together);
        told = left;
        together = 0;
    }
    JsonObject object;
    return object.add("upper_ns", times.done()).add("count", counts.done()).done();
}

Json point_json(const Point& point) {
    JsonObject object;
    object.add("workload", point.workload())
        .add("transport", point.transport())
        .add("load", load_json(point))
        .add("metrics", metrics_json(point))
        .add("books", books_json(point.books()))
        .add("fault", point.fault())
        .add("skipped", point.skipped())
        .add("in_force", strings(point.in_force()));
    if (point.latency().count_size() != 0) object.add("latency", latency_json(point.latency()));
    return object.done();
}

Json paragraph_json(const Paragraph& paragraph) {
    const auto findings = array_of(paragraph.findings, [](const Finding& finding) {
        JsonObject one;
        return one.add("chart", finding.chart)
            .add("topic", finding.topic)
            .add("best", strings(finding.best))
            .add("text", finding.text)
            .done();
    });
    JsonObject object;
    return object.add("workload", paragraph.workload)
        .add("findings", findings)
        .add("noise", paragraph.noise)
        .done();
}

Json run_json(const Results& run, const std::string& label, const std::string& name) {
    JsonObject object;
    return object.add("label", label)
        .add("file", name)
        .add("environment", environment_json(run.environment()))
        .add("summary", describe(run.environment()))
        .add("command", run.command())
        .add("unix_ms", run.unix_ns() / 1'000'000)
        .add("seconds", number(run.seconds()))
        .add("complete", run.complete())
        .add("caveats", strings(caveats(run)))
        .add("primitives", array_of(run.primitives(), primitive_json))
        .add("points", array_of(run.points(), point_json))
        .add("paragraphs", array_of(conclude(run), paragraph_json))
        .done();
}

Json ratio_json(const Spread& first, const Point* other, std::string_view figure, double drift) {
    const auto* metric =
        other == nullptr || !other->fault().empty() ? nullptr : find_metric(*other, figure);
    const auto ratio =
        metric == nullptr ? std::nullopt : ratio_of_runs(first, metric->value(), drift);
    if (!ratio) return nullptr;
    JsonObject object;
    return object.add("ratio", number(ratio->ratio))
        .add("noise", number(ratio->noise))
        .add("beyond", ratio->beyond)
        .done();
}

// The main figure of each point of the first run, and what the others have there.
Json ratios_json(std::span<const Results> runs) {
    JsonArray rows;
    for (const auto& point : runs.front().points()) {
        if (point.load().share() != 0) continue;  // of another rate in each run
        if (!point.fault().empty()) continue;
        const auto figure = main_figure(point.workload());
        const auto* first = find_metric(point, figure);
        if (first == nullptr) continue;
        JsonObject row;
        row.add("workload", point.workload())
            .add("transport", point.transport())
            .add("load", describe_load(point))
            .add("figure", figure)
            .add("unit", first->unit())
            .add("first", spread_json(first->value()))
            .add("others", array_of(runs.subspan(1), [&](const Results& run) {
                     return ratio_json(first->value(), same_point(run, point), figure,
                                       drift(runs.front(), run));
                 }));
        rows.add(row.done());
    }
    return rows.done();
}

// "A", "B", ... "Z", "A1"
std::string label_of(std::size_t i) {
    std::string label(1, static_cast<char>('A' + i % 26));
    if (i >= 26) label += std::to_string(i / 26);
    return label;
}

// In JSON "<" is the same as this; in HTML it can end the script.
std::string without_angle_brackets(const std::string& json) {
    std::string safe;
    safe.reserve(json.size());
    for (const char c : json) {
        if (c == '<')
            safe += "\\u003c";
        else
            safe += c;
    }
    return safe;
}

struct Part {
    std::string_view placeholder;
    std::string_view text;
};

// In one go from left to right: what one part contains is not looked at again.
std::string fill(std::string_view page, std::span<const Part> parts) {
    std::string filled;
    while (!page.empty()) {
        const Part* next = nullptr;
        auto at = std::string_view::npos;
        for (const auto& part : parts) {
            const auto found = page.find(part.placeholder);
            if (found < at) at = found, next = &part;
        }
        filled += page.substr(0, at);
        if (next == nullptr) break;
        filled += next->text;
        page.remove_prefix(at + next->placeholder.size());
    }
    return filled;
}

}  // namespace

std::string report_data(std::span<const Results> runs, std::span<const std::string> names) {
    JsonArray all;
    for (std::size_t i = 0; i < runs.size(); ++i) all.add(run_json(runs[i], label_of(i), names[i]));
    JsonObject data;
    data.add("runs", all.done());
    data.add("ratios", runs.size() > 1 ? ratios_json(runs) : JsonArray{}.done());
    return without_angle_brackets(data.done().text);
}

std::string html_report(std::span<const Results> runs, std::span<const std::string> names) {
    const auto data = report_data(runs, names);
    const auto between = [](const char* begin, const char* end) {
        return std::string_view{begin, static_cast<std::size_t>(end - begin)};
    };
    const Part parts[] = {
        {"@STYLE@", between(statctl_report_css, statctl_report_css_end)},
        {"@CHART_JS@", between(statctl_chart_js, statctl_chart_js_end)},
        {"@CHARTS@", between(statctl_report_charts, statctl_report_charts_end)},
        {"@FIGURES@", between(statctl_report_figures, statctl_report_figures_end)},
        {"@WORKLOADS@", between(statctl_report_workloads, statctl_report_workloads_end)},
        {"@SCRIPT@", between(statctl_report_script, statctl_report_script_end)},
        {"@DATA@", data},
    };
    return fill(between(statctl_report_html, statctl_report_html_end), parts);
}

}  // namespace statctl::measure
