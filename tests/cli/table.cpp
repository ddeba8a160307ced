// SPDX-License-Identifier: MIT
#include "table.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "run.hpp"

namespace {

using statctl::Align;
using statctl::Cell;
using statctl::Column;

struct Row {
    std::string name;
    std::uint64_t value;
    std::optional<unsigned> maybe;
};

constexpr std::array<Column<Row>, 4> columns{{
    {"name", Align::left, [](const Row& r) -> Cell { return r.name; }},
    {"big_value", Align::right, [](const Row& r) -> Cell { return r.value; }},
    {"secret", Align::left, [](const Row&) -> Cell { return true; }, statctl::For::programs},
    {"maybe", Align::left, [](const Row& r) -> Cell { return r.maybe; }},
}};

const std::vector<Row> rows{{"a", std::numeric_limits<std::uint64_t>::max(), 7U},
                            {"longer", 0, std::nullopt}};

template <class Print>
std::string printed(Print&& print) {
    const test::TemporaryFile file;
    statctl::Out out{file.fd()};
    print(out);
    out.flush();
    return file.read();
}

TEST(Table, TextIsAligned) {
    EXPECT_EQ(printed([](auto& out) { statctl::print_rows<Row>(out, false, columns, rows); }),
              "NAME               BIG VALUE  MAYBE\n"
              "a       18446744073709551615  7\n"
              "longer                     0  -\n");
}

TEST(Table, JsonHasExactNumbersAndNull) {
    EXPECT_EQ(printed([](auto& out) { statctl::print_rows<Row>(out, true, columns, rows); }),
              "[{\"name\":\"a\",\"big_value\":18446744073709551615,\"secret\":true,\"maybe\":7},\n"
              "{\"name\":\"longer\",\"big_value\":0,\"secret\":true,\"maybe\":null}]\n");
}

TEST(Table, NoRowsAreAnEmptyArray) {
    EXPECT_EQ(printed([](auto& out) { statctl::print_rows<Row>(out, true, columns, {}); }), "[]\n");
}

TEST(Table, BytesThatAreNoUtf8DoNotStopJson) {
    const std::vector<Row> bad{{"\xff\xfe", 1, 1U}};
    const auto text =
        printed([&](auto& out) { statctl::print_rows<Row>(out, true, columns, bad); });
    EXPECT_NO_THROW(std::ignore = nlohmann::json::parse(text)) << text;
}

TEST(Table, MarkedCellsAreBoldInColour) {
    statctl::TextTable table{1};
    table.set_column(0, "n", Align::right);
    Cell cell{5};
    cell.marked = true;
    table.add(0, cell);
    EXPECT_NE(printed([&](auto& out) { table.print(out, true); }).find("\033[1m5\033[0m"),
              std::string::npos);
    EXPECT_EQ(printed([&](auto& out) { table.print(out, false); }), "N\n5\n");
}

TEST(Table, MaxRowsAreKept) {
    EXPECT_EQ(printed([](auto& out) { statctl::to_text<Row>(columns, rows).print(out, false, 0); }),
              "NAME               BIG VALUE  MAYBE\n");
}

TEST(Bar, IsAsLongAsItsShare) {
    EXPECT_EQ(statctl::bar(10, 10, 4), "████");
    EXPECT_EQ(statctl::bar(5, 10, 4), "██");
    EXPECT_EQ(statctl::bar(0.001, 10, 4), "█") << "there is something";
    EXPECT_EQ(statctl::bar(0, 10, 4), "");
    EXPECT_EQ(statctl::bar(-1, 10, 4), "");
    EXPECT_EQ(statctl::bar(1, 0, 4), "");
}

}  // namespace
