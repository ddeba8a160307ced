// SPDX-License-Identifier: MIT
//
// Snapshots as text and as JSON, for the commands that show counters.
#pragma once

#include <optional>
#include <statchan/snapshot.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "command_line.hpp"
#include "table.hpp"
#include "units.hpp"

namespace statctl {

/// Which counters the user wants to see.
struct CounterFilter {
    std::string group = "*";
    std::string instance = "*";
    std::string field = "*";

    /// Takes the globs from the command line.
    void add_to(CommandLine& line);
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
    std::size_t counters = 0;              ///< in the snapshot, shown or not
    std::optional<nanoseconds> fetched{};  ///< time that getting it here took
    std::optional<std::uint64_t> digest{};
};

/// "eth0: generation 12, taken in 3.4 us, 1.2 ms old, 328 bytes, over mmap"
[[nodiscard]] std::string describe(const SnapshotHead& head);
[[nodiscard]] JsonObject to_json(const SnapshotHead& head);

/// "a65c5d1e..." as 16 digits.
[[nodiscard]] std::string format_hash(std::uint64_t hash);

/// What goes between rows of JSON: a list that is read once may have lines, a stream has one
/// object per line.
inline constexpr std::string_view row_per_line = ",\n";
inline constexpr std::string_view all_in_one_line = ",";

/// Prints @p head with one more key, which holds @p rows: {"source": ..., "counters": [...]}.
template <class Row>
void print_json_with_rows(Out& out, const JsonObject& head, std::string_view key,
                          std::span<const Column<Row>> columns, std::span<const Row> rows,
                          std::string_view between) {
    auto text = JsonObject{head}.add(key, {}).done().text;
    text.resize(text.size() - std::string_view{"null}"}.size());
    out.write(text);
    print_json_rows(out, columns, rows, between);
    out.write("}\n");
}

}  // namespace statctl
