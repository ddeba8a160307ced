// SPDX-License-Identifier: MIT
//
// statctl calibrate: what the crossings between user space and kernel cost on this machine.
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "command.hpp"
#include "measure/environment.hpp"
#include "measure/primitives.hpp"
#include "measure/spread.hpp"
#include "table.hpp"

namespace statctl {

namespace {

using measure::CalibrateOptions;
using statchan::results::Environment;
using statchan::results::Primitive;
using statchan::results::Results;
using statchan::results::Spread;

// Three digits that matter.
std::string short_number(double value) {
    if (value >= 100) return fmt::format("{:.0f}", value);
    if (value >= 10) return fmt::format("{:.1f}", value);
    if (value >= 1) return fmt::format("{:.2f}", value);
    return fmt::format("{:.3f}", value);
}

template <double (Spread::*value)() const>
Cell number(const Primitive& p) {
    if (!p.has_value()) return std::nullopt;
    return short_number((p.value().*value)());
}

Cell bytes(const Primitive& p) {
    if (p.bytes() == 0) return std::nullopt;
    return format_size(p.bytes());
}

Cell noise(const Primitive& p) {
    if (!p.has_value()) return std::nullopt;
    return fmt::format("{:.0f}", measure::noise(p.value()) * 100);
}

Cell what(const Primitive& p) {
    if (p.unavailable().empty()) return p.what();
    return "unavailable: " + p.unavailable();
}

constexpr std::array<Column<Primitive>, 8> columns{{
    {"name", Align::left, [](const Primitive& p) -> Cell { return p.name(); }},
    {"bytes", Align::right, bytes},
    {"median", Align::right, number<&Spread::median>},
    {"min", Align::right, number<&Spread::min>},
    {"max", Align::right, number<&Spread::max>},
    {"noise_%", Align::right, noise},
    {"unit", Align::left, [](const Primitive& p) -> Cell { return p.unit(); }},
    {"what", Align::left, what},
}};

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

Result<void> print_json(Out& out, const Results& results) {
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = true;
    // so that a program need not know which fields may be missing
    options.always_print_primitive_fields = true;
    std::string text;
    const auto status = google::protobuf::util::MessageToJsonString(results, &text, options);
    if (!status.ok()) {
        return failure(statchan::errc::bad_data, "calibrate: results as JSON", status.ToString());
    }
    out.write(text);
    return {};
}

void print_text(Out& out, const Results& results) {
    const auto& e = results.environment();
    const std::vector<Primitive> rows{results.primitives().begin(), results.primitives().end()};
    print_rows<Primitive>(out, false, columns, rows);
    out.print("\n{}, {} CPUs, Linux {}{}{}{}; {:.1f} s\n", e.cpu(), e.cpus(), e.kernel(),
              e.accelerator().empty() ? "" : ", ", e.accelerator(),
              e.instructions() ? ": one ns is one instruction" : "", results.seconds());
}

// Whoever asked for all is told why he did not get them, even if he only looks at a file.
void note_missing(const Results& results) {
    const auto& all = results.primitives();
    const auto missing = [](const Primitive& p) { return !p.unavailable().empty(); };
    const auto first = std::find_if(all.begin(), all.end(), missing);
    if (first == all.end()) return;
    fmt::print(stderr, "statctl: note: {} of {} were not measured; the first, {}: {}\n",
               std::count_if(first, all.end(), missing), all.size(), first->name(),
               first->unavailable());
}

Result<void> run_calibrate(Context& context, const CalibrateOptions& options) {
    const auto results = run_all(options);
    if (context.json) {
        if (auto printed = print_json(context.out, results); !printed) return printed;
    } else {
        print_text(context.out, results);
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
