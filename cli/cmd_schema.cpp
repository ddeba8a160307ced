// SPDX-License-Identifier: MIT
//
// statctl schema: what the counters of a source are.
#include <array>
#include <memory>
#include <vector>

#include "command.hpp"
#include "snapshot_text.hpp"

namespace statctl {

namespace {

struct FieldRow {
    const statchan::Group& group;
    const statchan::Field& field;
};

constexpr std::array<Column<FieldRow>, 5> field_columns{{
    {"group", Align::left, [](const FieldRow& row) -> Cell { return row.group.name; }},
    {"instances", Align::right, [](const FieldRow& row) -> Cell { return row.group.instances; }},
    {"field", Align::left, [](const FieldRow& row) -> Cell { return row.field.name; }},
    {"type", Align::left,
     [](const FieldRow& row) -> Cell { return statchan::to_string(row.field.type); }},
    {"unit", Align::left,
     [](const FieldRow& row) -> Cell { return statchan::to_string(row.field.unit); }},
}};

Result<void> run_schema(Context& context, const std::string& source) {
    auto client = open_client(context);
    if (!client) return failure(client);
    auto schema = client->schema(source);
    if (!schema) return failure(schema);
    std::vector<FieldRow> rows;
    for (const auto& group : (*schema)->groups()) {
        for (const auto& field : group.fields) rows.push_back({group, field});
    }
    const auto hash = format_hash((*schema)->hash());
    if (context.json) {
        JsonObject head;
        head.add("source", source).add("hash", hash).add("counters", (*schema)->counters());
        print_json_with_rows<FieldRow>(context.out, head, "fields", field_columns, rows,
                                       row_per_line);
    } else {
        context.out.print("{}: {} counters, schema {}\n", source, (*schema)->counters(), hash);
        print_rows<FieldRow>(context.out, false, field_columns, rows);
    }
    return {};
}

}  // namespace

void set_up_schema(CommandLine& line) {
    auto source = std::make_shared<std::string>();
    line.argument("SOURCE", *source, source_help);
    line.run([source](Context& context) { return run_schema(context, *source); });
}

}  // namespace statctl
