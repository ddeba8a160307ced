// SPDX-License-Identifier: MIT
#include "table.hpp"

#include <algorithm>
#include <cctype>

namespace statctl {

void TextTable::set_column(std::size_t column, std::string_view key, Align align) {
    auto& head = columns_[column];
    for (const char c : key) {
        head.title +=
            c == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    head.align = align;
    head.width = head.title.size();
}

void TextTable::add(std::size_t column, const Cell& cell) {
    auto& head = columns_[column];
    head.width = std::max(head.width, cell.text.size());
    cells_.push_back({cell.text, cell.marked});
}

void TextTable::print_line(Out& out, std::span<const Text> line, std::string_view style) const {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const std::string padding(columns_[i].width - line[i].text.size(), ' ');
        const bool styled = line[i].marked && !style.empty();
        if (i != 0) text += "  ";
        if (columns_[i].align == Align::right) text += padding;
        if (styled) text += style;
        text += line[i].text;
        if (styled) text += "\033[0m";
        if (columns_[i].align == Align::left && i + 1 != columns_.size()) text += padding;
    }
    out.print("{}\n", text);
}

void TextTable::print(Out& out, bool colour, std::size_t max_rows) const {
    std::vector<Text> titles;
    for (const auto& head : columns_) titles.push_back({head.title, true});
    print_line(out, titles, colour ? "\033[4m" : "");
    const std::span all{cells_};
    for (std::size_t row = 0; row < std::min(rows(), max_rows); ++row) {
        print_line(out, all.subspan(row * columns_.size(), columns_.size()),
                   colour ? "\033[1m" : "");
    }
}

}  // namespace statctl
