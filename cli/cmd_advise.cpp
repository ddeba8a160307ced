// SPDX-License-Identifier: MIT
//
// statctl advise: which transport, from what was measured on this machine.
#include <fmt/format.h>

#include <array>
#include <memory>

#include "command.hpp"
#include "measure/advise.hpp"
#include "measure/results_file.hpp"
#include "table.hpp"

namespace statctl {

namespace {

using measure::Need;
using measure::Verdict;

struct AdviseOptions {
    Need need;
    nanoseconds every{0};
    nanoseconds latency{0};
    std::uint64_t rate = 0;
    std::uint32_t readers = 1;
    std::string results;
};

constexpr std::array<Column<Verdict>, 5> advice_columns{{
    {"transport", Align::left, [](const Verdict& v) -> Cell { return v.transport; }},
    {"can", Align::left, [](const Verdict& v) -> Cell { return v.excluded.empty(); }},
    {"cpu_share", Align::right,
     [](const Verdict& v) -> Cell {
         if (!v.excluded.empty()) return std::nullopt;
         return {v.cpu_share, fmt::format("{:.2f} %", v.cpu_share * 100)};
     }},
    {"uncertainty", Align::right,
     [](const Verdict& v) -> Cell {
         if (!v.excluded.empty()) return std::nullopt;
         return {v.uncertainty, fmt::format("±{:.0f} %", v.uncertainty * 100)};
     }},
    {"why", Align::left,
     [](const Verdict& v) -> Cell { return v.excluded.empty() ? v.explanation : v.excluded; }},
}};

// What is asked for must be one whole thing.
void check(AdviseOptions& options) {
    auto& need = options.need;
    need.every_ns = static_cast<double>(options.every.count());
    need.latency_ns = static_cast<double>(options.latency.count());
    need.rate = static_cast<double>(options.rate);
    need.readers = options.readers;
    const bool snapshots = need.snapshot_bytes != 0;
    const bool samples = options.rate != 0;
    if (snapshots == samples)
        throw UsageError{
            "advise: say either --snapshot SIZE --every TIME, or --samples N --size SIZE"};
    if (snapshots && options.every.count() == 0)
        throw UsageError{"advise: --snapshot needs --every"};
    if (samples && need.record_bytes == 0) throw UsageError{"advise: --samples needs --size"};
}

Result<void> run_advise(Context& context, AdviseOptions& options) {
    check(options);
    const bool default_file = options.results.empty();
    auto from = default_file ? measure::default_folder() : options.results;
    if (!from) return failure(from);
    auto results = measure::read_results(*from);
    if (!results && default_file) {
        return failure(make_error_code(std::errc::no_such_file_or_directory),
                       "advise: read what was measured", "nothing was measured on this machine yet",
                       "run: statctl compare --quick");
    }
    if (!results) return failure(results);
    const auto verdicts = measure::advise(*results, options.need);
    print_rows<Verdict>(context.out, context.json, advice_columns, verdicts);
    if (verdicts.empty() || !verdicts.front().excluded.empty())
        return failure(statchan::errc::not_supported, "advise", "no transport can do that",
                       "ask for less, or measure with other buffers: statctl compare --help");
    if (!context.json)
        context.out.print("\nUse {}: {}.\n", verdicts.front().transport,
                          verdicts.front().explanation);
    return {};
}

}  // namespace

void set_up_advise(CommandLine& line) {
    auto options = std::make_shared<AdviseOptions>();
    line.size("--snapshot", options->need.snapshot_bytes, "snapshots of so many bytes of counters");
    line.duration("--every", options->every, "so often");
    line.per_second("--samples", options->rate, "samples per second");
    line.size("--size", options->need.record_bytes, "captured bytes of a sample");
    line.duration("--latency", options->latency, "99 of 100 samples arrive within");
    line.number("--readers", options->readers, "programs that read (1)");
    line.flag("--no-loss", options->need.no_loss, "nothing may be lost");
    line.flag("--no-root", options->need.no_root, "readers are not root");
    line.size("--memory", options->need.memory, "buffers may take so much");
    line.option("--results", options->results, "FILE",
                "of compare, instead of this machine's last");
    line.run([options](Context& context) { return run_advise(context, *options); });
}

}  // namespace statctl
