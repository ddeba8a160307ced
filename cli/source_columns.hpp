// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <statchan/types.hpp>

#include "snapshot_text.hpp"
#include "table.hpp"

namespace statctl {

/// How sources are shown, by all commands that show some.
inline constexpr std::array<Column<statchan::SourceInfo>, 11> source_columns{{
    {"id", Align::right, [](const statchan::SourceInfo& s) -> Cell { return s.id; }},
    {"source", Align::left, [](const statchan::SourceInfo& s) -> Cell { return s.name; }},
    {"kind", Align::left, [](const statchan::SourceInfo& s) -> Cell { return s.kind; }},
    {"counters", Align::right, [](const statchan::SourceInfo& s) -> Cell { return s.n_counters; }},
    {"generation", Align::right,
     [](const statchan::SourceInfo& s) -> Cell { return s.generation; }},
    {"rate", Align::right,
     [](const statchan::SourceInfo& s) -> Cell {
         return {s.rate, fmt::format("1:{}", s.rate)};
     }},
    {"channels", Align::right, [](const statchan::SourceInfo& s) -> Cell { return s.channels; }},
    {"observed", Align::right, [](const statchan::SourceInfo& s) -> Cell { return s.observed; }},
    {"emitted", Align::right, [](const statchan::SourceInfo& s) -> Cell { return s.emitted; }},
    {"schema", Align::left,
     [](const statchan::SourceInfo& s) -> Cell { return format_hash(s.schema_hash); },
     For::programs},
    {"params", Align::left, [](const statchan::SourceInfo& s) -> Cell { return s.params; }},
}};

}  // namespace statctl
