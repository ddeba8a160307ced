// SPDX-License-Identifier: MIT
//
// statctl verify: one generation of a source's counters over every transport, compared byte by
// byte.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "command.hpp"
#include "snapshot_text.hpp"
#include "table.hpp"

namespace statctl {

namespace {

// What one transport delivered, against what the first did.
struct VerifyRow {
    std::string transport;
    std::uint64_t generation = 0;
    std::uint64_t bytes = 0;
    std::uint64_t digest = 0;
    std::string difference;  // empty: none
};

constexpr std::array<Column<VerifyRow>, 5> verdict_columns{{
    {"transport", Align::left, [](const VerifyRow& r) -> Cell { return r.transport; }},
    {"generation", Align::right, [](const VerifyRow& r) -> Cell { return r.generation; }},
    {"bytes", Align::right, [](const VerifyRow& r) -> Cell { return r.bytes; }},
    {"digest", Align::left, [](const VerifyRow& r) -> Cell { return format_hash(r.digest); }},
    {"result", Align::left,
     [](const VerifyRow& r) -> Cell {
         Cell cell{r.difference.empty() ? "same" : r.difference};
         cell.marked = !r.difference.empty();
         return cell;
     }},
}};

std::string name_of(const statchan::Schema& schema, std::size_t index) {
    for (const auto& group : schema.groups()) {
        const auto size = group.instances * group.fields.size();
        if (index < group.first_counter || index >= group.first_counter + size) continue;
        const auto at = index - group.first_counter;
        const auto instance = at / group.fields.size();
        const auto field = at % group.fields.size();
        return fmt::format("{}/{}/{}", group.name, instance, group.fields[field].name);
    }
    return fmt::format("counter {}", index);
}

// The first thing in which two deliveries of one generation differ; empty: nothing.
std::string difference(const statchan::Snapshot& a, const statchan::Snapshot& b) {
    if (a.generation() != b.generation())
        return fmt::format("generation {} instead of {}", b.generation(), a.generation());
    if (a.info().begin != b.info().begin || a.info().end != b.info().end)
        return "times of begin and end differ";
    if (a.info().atomic != b.info().atomic || a.info().torn != b.info().torn) return "flags differ";
    const auto x = a.counters();
    const auto y = b.counters();
    if (x.size() != y.size()) return fmt::format("{} counters instead of {}", y.size(), x.size());
    if (x.empty() || std::memcmp(x.data(), y.data(), x.size_bytes()) == 0) {
        if (a.kernel_digest() == b.kernel_digest() && b.kernel_digest() == b.digest()) return {};
        return "the kernel's digest is not that of the bytes";
    }
    const auto at =
        static_cast<std::size_t>(std::mismatch(x.begin(), x.end(), y.begin()).first - x.begin());
    return fmt::format("byte {}: {} is {} instead of {}", at * sizeof x[0], name_of(a.schema(), at),
                       y[at], x[at]);
}

Result<statchan::Snapshot> take(const std::string& transport, const std::string& source,
                                std::uint64_t generation) {
    auto client = statchan::Client::open({.transport = transport, .device = {}});
    if (!client) return failure(client);
    auto snapshot = client->snapshot(source, {.generation = generation, .digest = true});
    if (!snapshot) return failure(snapshot);
    return snapshot;
}

Result<void> run_verify(Context& context, const std::string& source) {
    std::optional<statchan::Snapshot> first;
    std::vector<VerifyRow> rows;
    for (const auto& transport : statchan::transports()) {
        if (!transport.capabilities.has(statchan::Capability::snapshot)) continue;
        auto snapshot = take(transport.name, source, first ? first->generation() : 0);
        if (!snapshot) return failure(snapshot);
        if (!first) first = *snapshot;
        rows.push_back({transport.name, snapshot->generation(), snapshot->counters().size_bytes(),
                        snapshot->digest(), difference(*first, *snapshot)});
    }
    print_rows<VerifyRow>(context.out, context.json, verdict_columns, rows);
    const auto wrong = std::find_if(rows.begin(), rows.end(),
                                    [](const auto& row) { return !row.difference.empty(); });
    if (wrong == rows.end()) return {};
    return failure(statchan::errc::bad_data, fmt::format("verify '{}'", source),
                   fmt::format("{} delivered something else than {}: {}", wrong->transport,
                               rows.front().transport, wrong->difference));
}

}  // namespace

void set_up_verify(CommandLine& line) {
    auto source = std::make_shared<std::string>();
    line.argument("SOURCE", *source, source_help);
    line.run([source](Context& context) { return run_verify(context, *source); });
}

}  // namespace statctl
