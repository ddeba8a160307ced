// SPDX-License-Identifier: MIT
//
// statctl report: results of statctl compare, again; of several runs side by side.
#include <memory>

#include "command.hpp"
#include "measure/report_html.hpp"
#include "measure/report_text.hpp"
#include "measure/results_file.hpp"

namespace statctl {

namespace {

struct ReportCommand {
    std::vector<std::string> files;
    std::string html;
};

Result<void> run_report(Context& context, const ReportCommand& command) {
    const auto& files = command.files;
    std::vector<statchan::results::Results> runs;
    for (const auto& file : files) {
        auto results = measure::read_results(file);
        if (!results) return failure(results);
        runs.push_back(std::move(*results));
    }
    if (!command.html.empty())
        return measure::write_file(command.html, measure::html_report(runs, files));
    if (context.json) {
        // one value, whatever its number
        const bool many = runs.size() > 1;
        if (many) context.out.write("[\n");
        for (const auto& run : runs) {
            context.out.write(measure::to_json(run));
            if (many) context.out.write(&run == &runs.back() ? "]\n" : ",\n");
        }
    } else if (runs.size() == 1) {
        measure::print_report(context.out, runs.front());
    } else {
        measure::print_comparison(context.out, runs, files);
    }
    return {};
}

}  // namespace

void set_up_report(CommandLine& line) {
    auto command = std::make_shared<ReportCommand>();
    line.arguments("FILE", command->files, "results.pb of statctl compare, or the folder it is in");
    line.option("--html,-o", command->html, "PAGE",
                "write a page for a browser instead; it needs no network");
    line.run([command](Context& context) { return run_report(context, *command); });
}

}  // namespace statctl
