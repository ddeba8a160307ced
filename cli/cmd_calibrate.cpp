// SPDX-License-Identifier: MIT
//
// statctl calibrate: what the crossings between user space and kernel cost on this machine.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "command.hpp"
#include "measure/environment.hpp"
#include "measure/primitives.hpp"
#include "measure/primitives_text.hpp"
#include "measure/report_text.hpp"
#include "measure/results_file.hpp"
#include "remark.hpp"

namespace statctl {

namespace {

using measure::CalibrateOptions;
using statchan::results::Primitive;
using statchan::results::Results;

Results run_all(const CalibrateOptions& options) {
    Results results;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto begin = std::chrono::steady_clock::now();
    results.set_version(1);
    results.set_command(fmt::format("statctl calibrate{}{}",
                                    options.user_only ? " --user-only" : "",
                                    options.quick ? " --quick" : ""));
    results.set_unix_ns(std::chrono::duration_cast<nanoseconds>(now).count());
    *results.mutable_environment() = measure::environment();
    for (auto& primitive : measure::calibrate(options))
        *results.add_primitives() = std::move(primitive);
    results.set_seconds(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    results.set_complete(true);
    return results;
}

// Whoever asked for all is told why he did not get them, even if he only looks at a file.
void note_missing(const Results& results) {
    const auto& all = results.primitives();
    const auto missing = [](const Primitive& p) { return !p.unavailable().empty(); };
    const auto first = std::find_if(all.begin(), all.end(), missing);
    if (first == all.end()) return;
    remark("statctl: note: {} of {} were not measured; the first, {}: {}\n",
           std::count_if(first, all.end(), missing), all.size(), first->name(),
           first->unavailable());
}

Result<void> run_calibrate(Context& context, const CalibrateOptions& options) {
    const auto results = run_all(options);
    if (context.json) {
        context.out.write(measure::to_json(results));
    } else {
        measure::print_primitives(context.out, results);
        context.out.print("\n{}; {:.1f} s\n", measure::describe(results.environment()),
                          results.seconds());
    }
    if (!options.user_only) note_missing(results);
    return {};
}

}  // namespace

void set_up_calibrate(CommandLine& line) {
    auto options = std::make_shared<CalibrateOptions>();
    line.flag("--user-only", options->user_only, "only what needs neither the module nor root");
    line.flag("--quick", options->quick, "fewer and shorter repetitions");
    line.run([options](Context& context) { return run_calibrate(context, *options); });
}

}  // namespace statctl
