// SPDX-License-Identifier: MIT
#include "json.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace {

using statctl::Json;
using statctl::JsonArray;
using statctl::JsonObject;

TEST(JsonText, NumbersAreExact) {
    EXPECT_EQ(Json{std::numeric_limits<std::uint64_t>::max()}.text, "18446744073709551615");
    EXPECT_EQ(Json{std::numeric_limits<std::int64_t>::min()}.text, "-9223372036854775808");
    EXPECT_EQ(Json{0.1}.text, "0.1");
    EXPECT_EQ(Json{true}.text, "true");
    EXPECT_EQ(Json{nullptr}.text, "null");
    EXPECT_EQ(Json{}.text, "null");
}

TEST(JsonText, WhatIsNoNumberIsNull) {
    EXPECT_EQ(Json{std::nan("")}.text, "null");
    EXPECT_EQ(Json{std::numeric_limits<double>::infinity()}.text, "null");
}

TEST(JsonText, AnyStringComesBack) {
    using namespace std::string_literals;
    for (const auto& text : {""s, "plain"s, R"(a "quoted" \ word)"s, "line\nline\ttab"s, "\0nul"s,
                             "\u00fcml\u00e4ut"s, "\x7f"s}) {
        EXPECT_EQ(nlohmann::json::parse(Json{text}.text), text);
    }
    EXPECT_NO_THROW(std::ignore = nlohmann::json::parse(Json{"\xff\xfe"}.text));
}

TEST(JsonText, ObjectsKeepTheirOrder) {
    JsonObject inner;
    EXPECT_EQ(inner.done().text, "{}");
    inner.add("z", 1).add("a", "x");
    JsonObject outer;
    outer.add(JsonObject{}).add(inner).add("list", JsonArray{}.add(1).add(nullptr).done());
    outer.add("empty", JsonArray{}.done()).add("inner", inner.done());
    EXPECT_EQ(outer.done().text,
              R"({"z":1,"a":"x","list":[1,null],"empty":[],"inner":{"z":1,"a":"x"}})");
}

}  // namespace
