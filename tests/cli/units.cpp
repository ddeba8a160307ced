// SPDX-License-Identifier: MIT
#include "units.hpp"

#include <gtest/gtest.h>

namespace {

using namespace statctl;
using namespace std::chrono_literals;

TEST(Units, Durations) {
    EXPECT_EQ(parse_duration("10ms"), nanoseconds{10ms});
    EXPECT_EQ(parse_duration("1s"), nanoseconds{1s});
    EXPECT_EQ(parse_duration("500us"), nanoseconds{500us});
    EXPECT_EQ(parse_duration("7ns"), 7ns);
    EXPECT_EQ(parse_duration("1.5s"), nanoseconds{1500ms});
    EXPECT_EQ(parse_duration("2m"), nanoseconds{2min});
    EXPECT_EQ(parse_duration("1h"), nanoseconds{1h});
    EXPECT_EQ(parse_duration("0"), 0ns);
    EXPECT_EQ(parse_duration("0s"), 0ns);
    for (const auto* bad :
         {"",    "s",     "10",        "ms10",  "-1s",
          "+1s", " 1s",   "1 s",       "1s ",   "1e3s",
          "nan", "inf",   "infs",      "0x10s", "1.s.",
          "1ss", "0.5ns", "10000000h", ".5s",   "99999999999999999999999999999999999999999999s"}) {
        EXPECT_FALSE(parse_duration(bad)) << bad;
    }
}

TEST(Units, Timeouts) {
    EXPECT_EQ(parse_interval("1ns"), 1ns);
    EXPECT_FALSE(parse_interval("0"));
    EXPECT_EQ(parse_timeout("never"), statchan::never);
    EXPECT_EQ(parse_timeout("10ms"), nanoseconds{10ms});
    EXPECT_FALSE(parse_timeout("Never"));
}

TEST(Units, Seconds) {
    EXPECT_EQ(parse_seconds("10"), nanoseconds{10s});
    EXPECT_EQ(parse_seconds("0.5"), nanoseconds{500ms});
    EXPECT_EQ(parse_seconds("2m"), nanoseconds{2min});
    EXPECT_FALSE(parse_seconds("0"));
    EXPECT_FALSE(parse_seconds("ten"));
}

TEST(Units, Sizes) {
    EXPECT_EQ(parse_size("1"), 1U);
    EXPECT_EQ(parse_size("64K"), 65536U);
    EXPECT_EQ(parse_size("64k"), 65536U);
    EXPECT_EQ(parse_size("1M"), 1048576U);
    EXPECT_EQ(parse_size("1.5M"), 1572864U);
    EXPECT_EQ(parse_size("2G"), 2147483648U);
    for (const auto* bad : {"", "0", "0K", "K", "-1", "1.5", "64KB", "1T", "inf", "1e9",
                            "99999999G", "9007199254740993"}) {
        EXPECT_FALSE(parse_size(bad)) << bad;
    }
}

TEST(Units, RatesAndNumbers) {
    EXPECT_EQ(parse_rate("1:100"), 100U);
    EXPECT_EQ(parse_rate("100"), 100U);
    EXPECT_EQ(parse_rate("1"), 1U);
    EXPECT_EQ(parse_rate("4294967295"), 4294967295U);
    for (const auto* bad :
         {"", "0", "1:0", "1:", ":1", "2:5", "1:1:1", "-1", "4294967296", "1.5"}) {
        EXPECT_FALSE(parse_rate(bad)) << bad;
    }
    EXPECT_EQ(parse_count("18446744073709551615"), 18446744073709551615U);
    EXPECT_FALSE(parse_count("18446744073709551616"));
    EXPECT_FALSE(parse_number("4294967296"));
}

TEST(Units, AreShownForPeople) {
    EXPECT_EQ(format_duration(0ns), "0 s");
    EXPECT_EQ(format_duration(999ns), "999 ns");
    EXPECT_EQ(format_duration(1234567ns), "1.235 ms");
    EXPECT_EQ(format_duration(10ms), "10 ms");
    EXPECT_EQ(format_duration(123456s), "123456 s");
    EXPECT_EQ(format_duration(-5ms), "-5 ms");
    EXPECT_EQ(format_duration(statchan::never), "never");
    EXPECT_EQ(format_size(0), "0 bytes");
    EXPECT_EQ(format_size(1048576), "1 MiB");
    EXPECT_EQ(format_size(65536), "64 KiB");
    EXPECT_EQ(format_size(1000000), "1000000 bytes");
    EXPECT_EQ(format_rate(0.25), "0.2");
    EXPECT_EQ(format_rate(123456.7), "123457");
}

TEST(PerSecond, IsWrittenAsPeopleDo) {
    EXPECT_EQ(parse_per_second("200000"), 200'000U);
    EXPECT_EQ(parse_per_second("200k/s"), 200'000U);
    EXPECT_EQ(parse_per_second("2M"), 2'000'000U);
    for (const auto* wrong : {"", "0", "k", "2.5k", "/s", "-1", "9999999999M", "2k/m"})
        EXPECT_FALSE(parse_per_second(wrong)) << wrong;
}

}  // namespace
