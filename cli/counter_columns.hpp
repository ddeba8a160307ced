// SPDX-License-Identifier: MIT
//
// The columns that name a counter, for rows that have a member `ref`.
#pragma once

#include <statchan/schema.hpp>

#include "table.hpp"

namespace statctl {

template <class Row>
inline constexpr Column<Row> group_column{
    "group", Align::left, [](const Row& row) -> Cell { return row.ref.group->name; }};

template <class Row>
inline constexpr Column<Row> instance_column{
    "instance", Align::right, [](const Row& row) -> Cell { return row.ref.instance; }};

template <class Row>
inline constexpr Column<Row> field_column{
    "field", Align::left, [](const Row& row) -> Cell { return row.ref.field->name; }};

template <class Row>
inline constexpr Column<Row> type_column{
    "type", Align::left,
    [](const Row& row) -> Cell { return statchan::to_string(row.ref.field->type); }, For::programs};

template <class Row>
inline constexpr Column<Row> unit_column{"unit", Align::left, [](const Row& row) -> Cell {
                                             return statchan::to_string(row.ref.field->unit);
                                         }};

}  // namespace statctl
