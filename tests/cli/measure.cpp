// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>

#include "measure/histogram.hpp"
#include "measure/spread.hpp"

namespace {

using namespace statctl::measure;

TEST(Spread, MedianAndBounds) {
    const std::vector<double> values{5, 1, 3};
    const auto spread = spread_of(values);
    EXPECT_EQ(spread.median(), 3);
    EXPECT_EQ(spread.min(), 1);
    EXPECT_EQ(spread.max(), 5);
    EXPECT_EQ(spread.values_size(), 3);
    EXPECT_EQ(spread.values(0), 5);
    const std::vector<double> even{1, 2, 3, 10};
    EXPECT_EQ(spread_of(even).median(), 2.5);
    EXPECT_EQ(spread_of({}).values_size(), 0);
}

TEST(Spread, NoiseIsAShareOfTheMedian) {
    const std::vector<double> values{90, 100, 110};
    EXPECT_DOUBLE_EQ(noise(spread_of(values)), 0.1);
    const std::vector<double> one{7};
    EXPECT_EQ(noise(spread_of(one)), 0);
}

TEST(Spread, QuantilesByNearestRank) {
    std::vector<double> values;
    for (int i = 100; i >= 1; --i) values.push_back(i);
    EXPECT_EQ(quantile(values, 0), 1);
    EXPECT_EQ(quantile(values, 1), 100);
    EXPECT_NEAR(quantile(values, 0.5), 50.5, 0.5);
    EXPECT_EQ(quantile({}, 0.5), 0);
}

// Each time is told to 3 %, whatever its size.
TEST(Histogram, KnowsEveryTimeToThreePercent) {
    for (std::uint64_t ns = 1; ns < 1ULL << 60U; ns = 2 * ns + ns / 8 + 1) {
        Histogram h;
        h.add(ns);
        EXPECT_GE(h.max(), ns);
        EXPECT_LE(static_cast<double>(h.max()), static_cast<double>(ns) * 1.032) << ns;
    }
}

TEST(Histogram, Quantiles) {
    Histogram h;
    for (std::uint64_t ns = 1; ns <= 1000; ++ns) h.add(ns);
    EXPECT_EQ(h.total(), 1000U);
    EXPECT_NEAR(static_cast<double>(h.quantile(0.5)), 500, 16);
    EXPECT_NEAR(static_cast<double>(h.quantile(0.99)), 990, 32);
    EXPECT_GE(h.max(), 1000U);
    EXPECT_EQ(Histogram{}.quantile(0.5), 0U);
}

TEST(Histogram, GoesThroughAMessageAndAdds) {
    Histogram h;
    for (const std::uint64_t ns : {0ULL, 63ULL, 64ULL, 1'000'000ULL, 1ULL << 40U}) h.add(ns);
    auto again = Histogram::from(h.message());
    EXPECT_EQ(again.total(), 5U);
    EXPECT_EQ(again.max(), h.max());
    EXPECT_EQ(again.quantile(0.5), h.quantile(0.5));
    again.add(h);
    EXPECT_EQ(again.total(), 10U);
}

}  // namespace
