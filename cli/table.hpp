// SPDX-License-Identifier: MIT
//
// Every value that statctl shows is described once, as a column; from that come both the
// aligned table for people and the JSON for programs.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"
#include "out.hpp"

namespace statctl {

/// As a terminal may show it: what would control it is written as \xNN. Names come from elsewhere.
[[nodiscard]] std::string printable(std::string text);

/// One value, as programs and as people get it.
struct Cell {
    Json json;
    std::string text;
    bool marked = false;  ///< highlighted where there is colour

    // NOLINTBEGIN(google-explicit-constructor): a value is written as what it is
    Cell(std::string value) : json(value), text(printable(std::move(value))) {}
    Cell(std::string_view value) : Cell{std::string{value}} {}
    Cell(const char* value) : Cell{std::string{value}} {}
    Cell(bool value) : json(value), text(value ? "yes" : "-") {}
    template <std::integral T>
    requires(!std::same_as<T, bool>) Cell(T value) : json(value), text(fmt::to_string(value)) {}
    /// Nothing: null, "-".
    Cell(std::nullopt_t) : json(nullptr), text("-") {}
    template <class T>
    Cell(const std::optional<T>& value) : Cell{std::nullopt} {
        if (value) *this = Cell{*value};
    }
    // NOLINTEND(google-explicit-constructor)
    /// Where people and programs want different things.
    Cell(Json program, std::string people)
        : json(std::move(program)), text(printable(std::move(people))) {}
};

enum class Align : std::uint8_t { left, right };

/// Who gets to see a column.
enum class For : std::uint8_t { all, programs };

/// One column of a table of Rows.
template <class Row>
struct Column {
    std::string_view key;  ///< in JSON; in capitals it is the title
    Align align;
    Cell (*cell)(const Row&);
    For whom = For::all;
};

/// The JSON object of one row.
template <class Row>
[[nodiscard]] JsonObject to_json(std::span<const Column<Row>> columns, const Row& row) {
    JsonObject object;
    for (const auto& column : columns) object.add(column.key, column.cell(row).json);
    return object;
}

/// A bar for @p value, as long as its share of @p most; at least one place, none for 0 or less.
[[nodiscard]] std::string bar(double value, double most, std::size_t length = 12);

/// Lines of text in aligned columns.
class TextTable {
  public:
    explicit TextTable(std::size_t columns) : columns_(columns) {}

    void set_column(std::size_t column, std::string_view key, Align align);
    void add(std::size_t column, const Cell& cell);
    [[nodiscard]] std::size_t rows() const noexcept {
        return cells_.size() / std::max<std::size_t>(columns_.size(), 1);
    }
    /// Prints a title and the first @p max_rows rows.
    void print(Out& out, bool colour, std::size_t max_rows = SIZE_MAX) const;

  private:
    struct Head {
        std::string title;
        Align align = Align::left;
        std::size_t width = 0;
    };
    struct Text {
        std::string text;
        bool marked = false;
    };
    /// Marked cells are in @p style, an escape sequence.
    void print_line(Out& out, std::span<const Text> line, std::string_view style) const;

    std::vector<Head> columns_;
    std::vector<Text> cells_;
};

template <class Row>
[[nodiscard]] TextTable to_text(std::span<const Column<Row>> columns, std::span<const Row> rows) {
    std::vector<Column<Row>> shown;
    for (const auto& column : columns) {
        if (column.whom == For::all) shown.push_back(column);
    }
    TextTable table{shown.size()};
    for (std::size_t i = 0; i < shown.size(); ++i) {
        table.set_column(i, shown[i].key, shown[i].align);
    }
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < shown.size(); ++i) table.add(i, shown[i].cell(row));
    }
    return table;
}

/// Prints rows as "[{...},{...}]" without building the whole first: there may be millions.
template <class Row>
void print_json_rows(Out& out, std::span<const Column<Row>> columns, std::span<const Row> rows,
                     std::string_view between = ",\n") {
    std::string_view separator = "[";
    for (const auto& row : rows) {
        out.print("{}{}", separator, to_json(columns, row).done().text);
        separator = between;
    }
    out.write(rows.empty() ? "[]" : "]");
}

/// Prints rows as a JSON array or as a table, as the user asked.
template <class Row>
void print_rows(Out& out, bool json, std::span<const Column<Row>> columns,
                std::span<const Row> rows) {
    if (json) {
        print_json_rows(out, columns, rows);
        out.write("\n");
    } else {
        to_text(columns, rows).print(out, out.colour());
    }
}

/// Prints one row as a JSON object or as a table.
template <class Row>
void print_row(Out& out, bool json, std::span<const Column<Row>> columns, const Row& row) {
    if (json) {
        out.print("{}\n", to_json(columns, row).done().text);
    } else {
        print_rows(out, json, columns, std::span<const Row>{&row, 1});
    }
}

}  // namespace statctl
