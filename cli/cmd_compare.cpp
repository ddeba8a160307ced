// SPDX-License-Identifier: MIT
//
// statctl compare: the same work over every transport, side by side, and what it cost.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <sstream>

#include "command.hpp"
#include "measure/compare.hpp"
#include "measure/report_html.hpp"
#include "measure/report_text.hpp"
#include "measure/results_file.hpp"
#include "signals.hpp"

namespace statctl {

namespace {

struct CompareCommand {
    measure::CompareOptions options;
    std::string transports;
    std::string workloads;
    std::string sizes;
    std::string rates;
    std::uint32_t repeat = 0;
    std::string folder;
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
        const auto rate = parse_count(part);
        if (!rate) throw UsageError{"--rates: " + rate.error()};
        options.rates.push_back(static_cast<double>(*rate));
    }
}

void show_progress(std::size_t done, std::size_t all, double left,
                   const statchan::results::Point& now) {
    if (::isatty(2) != 1) return;
    fmt::print(stderr, "\r{} of {}, {:.0f} s left: {} over {}\033[K", done, all, left,
               now.workload(), now.transport());
}

Result<void> write_all(const statchan::results::Results& results, const std::string& folder) {
    if (auto written = measure::write_results(results, folder); !written) return written;
    const std::string name = "results.pb";
    return measure::write_file(std::filesystem::path{folder} / "report.html",
                               measure::html_report({&results, 1}, {&name, 1}));
}

Result<void> run_compare(Context& context, CompareCommand& command) {
    take_lists(command);
    catch_stop_signals();
    auto results = measure::compare(command.options, show_progress, stop_requested);
    if (::isatty(2) == 1) fmt::print(stderr, "\r\033[K");
    if (!results) return failure(results);
    // What was asked for in part is no basis for advice.
    const bool whole = command.options.workloads.empty() && command.options.transports.empty();
    if (!command.folder.empty() || whole) {
        const auto folder = command.folder.empty() ? measure::default_folder() : command.folder;
        if (auto written = write_all(*results, folder); !written) return written;
    }
    if (context.json)
        context.out.write(measure::to_json(*results));
    else
        measure::print_report(context.out, *results);
    if (const auto wrong = measure::faults(*results); wrong != 0)
        return failure(statchan::errc::bad_data, "compare transports",
                       fmt::format("{} of {} points do not add up", wrong, results->points_size()));
    return {};
}

}  // namespace

void set_up_compare(CommandLine& line) {
    auto command = std::make_shared<CompareCommand>();
    line.flag("--quick", command->options.quick, "few sizes and short windows");
    line.option("--transports", command->transports, "A,B", "only these transports");
    line.option("--workload", command->workloads, "A,B",
                "only these: snapshot, samples, latency, control");
    line.option("--sizes", command->sizes, "A,B", "bytes of a snapshot's counters, or of a record");
    line.option("--rates", command->rates, "A,B", "records per second, for latency");
    line.number("--repeat", command->repeat, "measure each point so many times (5; 3 if quick)");
    line.option(
        "--out", command->folder, "DIR",
        "write results.pb, results.json and report.html there (a whole one: where advise looks)");
    line.run([command](Context& context) { return run_compare(context, *command); });
}

}  // namespace statctl
