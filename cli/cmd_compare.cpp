// SPDX-License-Identifier: MIT
//
// statctl compare: the same work over every transport, side by side, and what it cost.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "command.hpp"
#include "json.hpp"
#include "measure/check_advice.hpp"
#include "measure/compare.hpp"
#include "measure/report_html.hpp"
#include "measure/report_text.hpp"
#include "measure/results_file.hpp"
#include "remark.hpp"
#include "signals.hpp"
#include "table.hpp"

namespace statctl {

namespace {

using measure::Prediction;

struct CompareCommand {
    measure::CompareOptions options;
    std::string transports;
    std::string workloads;
    std::string sizes;
    std::string rates;
    std::uint32_t repeat = 0;
    std::string folder;
    bool check_advice = false;
};

std::vector<std::string> split_list(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream{text};
    for (std::string part; std::getline(stream, part, ',');)
        if (!part.empty()) parts.push_back(part);
    return parts;
}

void take_lists(CompareCommand& command) {
    auto& options = command.options;
    options.transports = split_list(command.transports);
    options.workloads = split_list(command.workloads);
    options.repeat = command.repeat;
    for (const auto& part : split_list(command.sizes)) {
        const auto size = parse_size(part);
        if (!size) throw UsageError{"--sizes: " + size.error()};
        options.sizes.push_back(*size);
    }
    for (const auto& part : split_list(command.rates)) {
        const auto rate = parse_per_second(part);
        if (!rate) throw UsageError{"--rates: " + rate.error()};
        options.rates.push_back(static_cast<double>(*rate));
    }
}

void show_progress(std::size_t done, std::size_t all, double left,
                   const statchan::results::Point& now) {
    if (::isatty(2) != 1) return;
    remark("\r{} of {}, {:.0f} s left: {} over {}\033[K", done, all, left, now.workload(),
           now.transport());
}

constexpr std::array<Column<Prediction>, 6> prediction_columns{{
    {"workload", Align::left, [](const Prediction& p) -> Cell { return p.workload; }},
    {"transport", Align::left, [](const Prediction& p) -> Cell { return p.transport; }},
    {"bytes", Align::right, [](const Prediction& p) -> Cell { return p.bytes; }},
    {"predicted_ns", Align::right,
     [](const Prediction& p) -> Cell {
         return {p.predicted_ns, fmt::format("{:.0f}", p.predicted_ns)};
     }},
    {"measured_ns", Align::right,
     [](const Prediction& p) -> Cell {
         return {p.measured_ns, fmt::format("{:.0f}", p.measured_ns)};
     }},
    {"error", Align::right,
     [](const Prediction& p) -> Cell {
         return {p.error(), fmt::format("{:.0f} %", p.error() * 100)};
     }},
}};

// Measures what lies between what was measured, and looks whether advise would have known.
Result<void> check_advice(Context& context, const CompareCommand& command,
                          const statchan::results::Results& results) {
    std::vector<Prediction> all;
    for (const std::string workload : {"snapshot", "samples", "producer"}) {
        auto options = command.options;
        options.workloads = {workload};
        options.sizes = measure::sizes_between(results, workload);
        if (options.sizes.empty()) continue;
        auto measured = measure::compare(options, show_progress, stop_requested);
        if (!measured) return failure(measured);
        if (const auto wrong = measure::faults(*measured); wrong != 0)
            return failure(statchan::errc::bad_data, "compare: check the advice",
                           fmt::format("{} of {} points in between do not add up", wrong,
                                       measured->points_size()));
        for (auto& one : measure::predictions(results, *measured)) all.push_back(std::move(one));
    }
    if (all.empty())
        return failure(statchan::errc::not_supported, "compare: check the advice",
                       "there is nothing between the sizes that were measured",
                       "measure more sizes of snapshots or samples");
    const auto error = measure::median_error(all);
    if (!context.json) context.out.write("\nadvice: sizes that were not measured, then measured\n");
    print_rows<Prediction>(context.out, context.json, prediction_columns, all);
    if (!context.json)
        context.out.print("half of the predictions are within {:.0f} %\n", error * 100);
    if (error > measure::advice_tolerance)
        return failure(
            statchan::errc::bad_data, "compare: check the advice",
            fmt::format("the median error of {} predictions is {:.0f} %, more than {:.0f} %",
                        all.size(), error * 100, measure::advice_tolerance * 100),
            "measure again when the machine is quiet, or more often: --repeat");
    return {};
}

std::string command_typed() {
    std::ifstream file{"/proc/self/cmdline"};
    std::string typed;
    for (std::string word; std::getline(file, word, '\0');)
        typed += (typed.empty() ? "" : " ") + word;
    return typed;
}

Result<void> write_all(const statchan::results::Results& results, const std::string& folder) {
    if (auto written = measure::write_results(results, folder); !written) return written;
    const std::string name = "results.pb";
    return measure::write_file(std::filesystem::path{folder} / "report.html",
                               measure::html_report({&results, 1}, {&name, 1}));
}

Result<void> keep(const statchan::results::Results& results, const std::string& named, bool whole) {
    if (named.empty() && !whole) return {};
    auto folder = named.empty() ? measure::default_folder() : named;
    if (!folder) return failure(folder);
    return write_all(results, *folder);
}

Result<void> run_compare(Context& context, CompareCommand& command) {
    take_lists(command);
    catch_stop_signals();
    auto results = measure::compare(command.options, show_progress, stop_requested);
    if (::isatty(2) == 1) remark("\r\033[K");
    if (!results) return failure(results);
    results->set_command(valid_utf8(command_typed()));
    // What was asked for in part, or ended early, is no basis for advice.
    const bool whole = command.options.workloads.empty() && command.options.transports.empty() &&
                       command.options.source.empty() && results->complete();
    // Shown even if it can not be kept: it took minutes.
    auto kept = keep(*results, command.folder, whole);
    const bool checks_advice = command.check_advice && results->complete();
    if (context.json && !checks_advice)
        context.out.write(measure::to_json(*results));
    else if (!context.json)
        measure::print_report(context.out, *results);
    if (!kept) return kept;
    if (const auto wrong = measure::faults(*results); wrong != 0)
        return failure(statchan::errc::bad_data, "compare transports",
                       fmt::format("{} of {} points do not add up", wrong, results->points_size()));
    if (checks_advice) return check_advice(context, command, *results);
    return {};
}

}  // namespace

void set_up_compare(CommandLine& line) {
    auto command = std::make_shared<CompareCommand>();
    line.flag("--quick", command->options.quick, "few sizes and short windows");
    line.option("--transports", command->transports, "A,B", "only these transports");
    line.option("--workload", command->workloads, "A,B",
                "only these: snapshot, samples, producer, lossless, latency, control");
    line.option("--source", command->options.source, "NAME",
                "this source as it is, with the traffic it has, instead of a synth");
    line.option("--sizes", command->sizes, "A,B", "bytes of a snapshot's counters, or of a record");
    line.option("--rates", command->rates, "A,B", "records per second, for latency");
    line.number("--repeat", command->repeat, "measure each point so many times (5; 3 if quick)");
    line.flag("--check-advice", command->check_advice,
              "then measure sizes in between, and compare with what advise predicts for them");
    line.option(
        "--out", command->folder, "DIR",
        "write results.pb, results.json and report.html there (a whole one: where advise looks)");
    line.run([command](Context& context) { return run_compare(context, *command); });
}

}  // namespace statctl
