// SPDX-License-Identifier: MIT
#include "measure/primitives_text.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "measure/spread.hpp"
#include "table.hpp"
#include "units.hpp"

namespace statctl::measure {

namespace {

using statchan::results::Primitive;
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

Cell noise_percent(const Primitive& p) {
    if (!p.has_value()) return std::nullopt;
    return fmt::format("{:.0f}", noise(p.value()) * 100);
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
    {"noise_%", Align::right, noise_percent},
    {"unit", Align::left, [](const Primitive& p) -> Cell { return p.unit(); }},
    {"what", Align::left, what},
}};

}  // namespace

void print_primitives(Out& out, const statchan::results::Results& results) {
    const std::vector<Primitive> rows{results.primitives().begin(), results.primitives().end()};
    print_rows<Primitive>(out, false, columns, rows);
}

}  // namespace statctl::measure
