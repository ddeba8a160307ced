// SPDX-License-Identifier: MIT
//
// statctl get: the counters of a source, once.
#include <array>
#include <chrono>
#include <memory>

#include "command.hpp"
#include "counter_columns.hpp"
#include "snapshot_text.hpp"

namespace statctl {

namespace {

struct GetOptions {
    std::string source;
    CounterFilter filter;
    statchan::SnapshotOptions snapshot;
    bool nonzero = false;
};

struct CounterRow {
    statchan::CounterRef ref;
    std::uint64_t value = 0;
};

constexpr std::array<Column<CounterRow>, 6> counter_columns{{
    group_column<CounterRow>,
    instance_column<CounterRow>,
    field_column<CounterRow>,
    {"value", Align::right, [](const CounterRow& row) -> Cell { return row.value; }},
    type_column<CounterRow>,
    unit_column<CounterRow>,
}};

// The digest of what arrived, which must be the digest of what was sent.
Result<std::uint64_t> checked_digest(const statchan::Snapshot& snapshot, std::string_view source) {
    const auto digest = snapshot.digest();
    if (!snapshot.kernel_digest() || *snapshot.kernel_digest() == digest) return digest;
    return failure(statchan::errc::bad_data, fmt::format("check snapshot of '{}'", source),
                   fmt::format("kernel sent digest {}, what arrived has {}",
                               format_hash(*snapshot.kernel_digest()), format_hash(digest)));
}

Result<void> run_get(Context& context, const GetOptions& options) {
    auto client = open_client(context);
    if (!client) return failure(client);
    // The schema first, so that the time below is the snapshot's alone.
    auto schema = client->schema(options.source);
    if (!schema) return failure(schema);
    const auto start = std::chrono::steady_clock::now();
    auto snapshot = client->snapshot(options.source, options.snapshot);
    const auto fetched = std::chrono::steady_clock::now() - start;
    if (!snapshot) return failure(snapshot);
    auto selected = options.filter.select(snapshot->schema(), options.source);
    if (!selected) return failure(selected);

    SnapshotHead head{options.source, client->transport(), snapshot->info(),
                      snapshot->counters().size(), fetched};
    if (options.snapshot.digest) {
        auto digest = checked_digest(*snapshot, options.source);
        if (!digest) return failure(digest);
        head.digest = *digest;
    }
    std::vector<CounterRow> rows;
    for (const auto& ref : *selected) {
        const auto value = (*snapshot)[ref];
        if (value != 0 || !options.nonzero) rows.push_back({ref, value});
    }
    if (context.json) {
        print_json_with_rows<CounterRow>(context.out, to_json(head), "counters", counter_columns,
                                         rows, row_per_line);
    } else {
        context.out.print("{}\n", describe(head));
        if (rows.empty()) {
            context.out.print("all {} counters are 0\n", selected->size());
            return {};
        }
        print_rows<CounterRow>(context.out, false, counter_columns, rows);
    }
    return {};
}

}  // namespace

void set_up_get(CommandLine& line) {
    auto options = std::make_shared<GetOptions>();
    line.argument("SOURCE", options->source, source_help);
    options->filter.add_to(line);
    line.flag("--nonzero", options->nonzero, "only counters that are not 0");
    line.duration("--max-age", options->snapshot.max_age,
                  "share a snapshot that others took, at most so old (0: take a new one)");
    line.count("--generation", options->snapshot.generation,
               "just this snapshot, if it still exists");
    line.flag("--digest", options->snapshot.digest,
              "check the bytes that arrived against the kernel's digest, and show it");
    line.run([options](Context& context) { return run_get(context, *options); });
}

}  // namespace statctl
