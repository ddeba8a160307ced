// SPDX-License-Identifier: MIT
#include "table.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>

namespace statctl {

namespace {

// Places on the screen: all characters that are written here have one, whatever their bytes.
std::size_t places(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0U) != 0x80U; }));
}

}  // namespace

std::string printable(std::string text) {
    // of C1, which are two bytes in UTF-8, the second one: without it the first shows nothing
    const auto controls = [&](std::size_t i) {
        const auto c = static_cast<unsigned char>(text[i]);
        return c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0 && i > 0 && text[i - 1] == '\xc2');
    };
    std::string shown;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (controls(i)) {
            fmt::format_to(std::back_inserter(shown), "\\x{:02x}",
                           static_cast<unsigned char>(text[i]));
        } else {
            shown += text[i];
        }
    }
    return shown;
}

std::string bar(double value, double most, std::size_t length) {
    if (!(value > 0) || !(most > 0)) return {};
    const auto share = std::min(value / most, 1.0) * static_cast<double>(length);
    const auto cells = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(share)));
    std::string text;
    for (std::size_t i = 0; i < cells; ++i) text += "█";
    return text;
}

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
    head.width = std::max(head.width, places(cell.text));
    cells_.push_back({cell.text, cell.marked});
}

void TextTable::print_line(Out& out, std::span<const Text> line, std::string_view style) const {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const std::string padding(columns_[i].width - places(line[i].text), ' ');
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
