// SPDX-License-Identifier: MIT
//
// statctl report: results of statctl compare, again; of several runs side by side.
#include <memory>

#include "command.hpp"
#include "measure/report_text.hpp"
#include "measure/results_file.hpp"

namespace statctl {

namespace {

Result<void> run_report(Context& context, const std::vector<std::string>& files) {
    std::vector<statchan::results::Results> runs;
    for (const auto& file : files) {
        auto results = measure::read_results(file);
        if (!results) return failure(results);
        runs.push_back(std::move(*results));
    }
    if (context.json) {
        for (const auto& run : runs) context.out.write(measure::to_json(run));
    } else if (runs.size() == 1) {
        measure::print_report(context.out, runs.front());
    } else {
        measure::print_comparison(context.out, runs, files);
    }
    return {};
}

}  // namespace

void set_up_report(CommandLine& line) {
    auto files = std::make_shared<std::vector<std::string>>();
    line.arguments("FILE", *files, "results.pb of statctl compare, or the folder it is in");
    line.run([files](Context& context) { return run_report(context, *files); });
}

}  // namespace statctl
