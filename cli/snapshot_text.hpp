// SPDX-License-Identifier: MIT
//
// Snapshots as text and as JSON, for the commands that show counters.
#pragma once

#include <optional>
#include <statchan/snapshot.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "context.hpp"
#include "table.hpp"

namespace statctl {

/// Which counters the user wants to see.
struct CounterFilter {
    std::string group = "*";
    std::string instance = "*";
    std::string field = "*";

    /// Counters of a schema that match, by "group/instance/field"; none is an error that says
    /// what there is.
    [[nodiscard]] Result<std::vector<statchan::CounterRef>> select(const statchan::Schema& schema,
                                                                   std::string_view source) const;
};

/// What is said about a snapshot as a whole.
struct SnapshotHead {
    std::string_view source;
    std::string_view transport;
    const statchan::SnapshotInfo& info;
    std::optional<std::uint64_t> digest{};
};

/// "eth0: generation 12, 1.2 ms old, taken in 3.4 us, over mmap"
[[nodiscard]] std::string describe(const SnapshotHead& head);
[[nodiscard]] Json to_json(const SnapshotHead& head);

/// "a65c5d1e..." as 16 digits.
[[nodiscard]] std::string format_hash(std::uint64_t hash);

/// What goes between rows of JSON: a list that is read once may have lines, a stream has one
/// object per line.
inline constexpr std::string_view row_per_line = ",\n";
inline constexpr std::string_view all_in_one_line = ",";

/// Prints @p head with one more key, which holds @p rows: {"source": ..., "counters": [...]}.
template <class Row>
void print_json_with_rows(Out& out, const Json& head, std::string_view key,
                          std::span<const Column<Row>> columns, std::span<const Row> rows,
                          std::string_view between) {
    auto text = dump(head);
    text.pop_back();
    out.print("{}{}\"{}\":", text, head.empty() ? "" : ",", key);
    print_json_rows(out, columns, rows, between);
    out.write("}\n");
}

}  // namespace statctl
