// SPDX-License-Identifier: MIT
//
// statctl advise: which transport, from what was measured on this machine.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <memory>

#include "command.hpp"
#include "measure/advise.hpp"
#include "measure/results_file.hpp"
#include "measure/verdict.hpp"
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

// "?" is not "no": what would tell was not measured.
Cell can(const Verdict& v) {
    if (v.unmeasured) return {nullptr, "?"};
    return v.excluded.empty();
}

constexpr std::array<Column<Verdict>, 5> advice_columns{{
    {"transport", Align::left, [](const Verdict& v) -> Cell { return v.transport; }},
    {"can", Align::left, can},
    {"cpu_share", Align::right,
     [](const Verdict& v) -> Cell {
         if (!v.excluded.empty()) return std::nullopt;
         return {v.cpu_share, fmt::format("{:.2f} %", v.cpu_share * 100)};
     }},
    {"uncertainty", Align::right,
     [](const Verdict& v) -> Cell {
         if (!v.excluded.empty() || !v.uncertainty) return std::nullopt;
         return {*v.uncertainty, fmt::format("±{:.0f} %", *v.uncertainty * 100)};
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
    if (snapshots && (need.no_loss || options.latency.count() != 0))
        throw UsageError{"advise: --no-loss and --latency are about samples, not snapshots"};
}

// Nobody can, as far as is known.
Error nobody(const Need& need, const std::vector<Verdict>& verdicts) {
    const auto unknown = std::count_if(verdicts.begin(), verdicts.end(),
                                       [](const auto& verdict) { return verdict.unmeasured; });
    if (unknown == 0)
        return {make_error_code(statchan::errc::not_supported), "advise",
                "no transport can do that",
                "ask for less, or measure with other buffers: statctl compare --help"};
    const auto what = need.snapshot_bytes != 0 ? fmt::format("--sizes 4K,{}", need.snapshot_bytes)
                                               : fmt::format("--sizes 64,{} --rates {:.0f}",
                                                             need.record_bytes, need.rate);
    return {make_error_code(statchan::errc::not_supported), "advise",
            fmt::format("no transport that was measured for it can do that; {} may", unknown),
            "measure: statctl compare --quick --out near " + what + "; then --results near"};
}

// The results may be of another kernel.
void print_caveats(Out& out, const statchan::results::Results& results) {
    utsname here{};
    const auto& there = results.environment().kernel();
    if (::uname(&here) == 0 && there != here.release)
        out.print("Mind: measured on Linux {}, this is {}.\n", printable(there), here.release);
    for (const auto& caveat : measure::caveats(results)) out.print("Mind: {}\n", printable(caveat));
}

Result<void> run_advise(Context& context, AdviseOptions& options) {
    check(options);
    const bool default_file = options.results.empty();
    auto from = default_file ? measure::default_folder() : options.results;
    if (!from) return failure(from);
    auto results = measure::read_results(*from);
    if (!results && default_file && results.error().is(std::errc::no_such_file_or_directory)) {
        return failure(make_error_code(std::errc::no_such_file_or_directory),
                       "advise: read what was measured", "nothing was measured on this machine yet",
                       "run: statctl compare --quick");
    }
    if (!results) return failure(results);
    const auto verdicts = measure::advise(*results, options.need);
    print_rows<Verdict>(context.out, context.json, advice_columns, verdicts);
    if (verdicts.empty() || !verdicts.front().excluded.empty())
        return tl::unexpected(nobody(options.need, verdicts));
    if (context.json) return {};
    context.out.print("\nUse {}: {}.\n", verdicts.front().transport, verdicts.front().explanation);
    print_caveats(context.out, *results);
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
