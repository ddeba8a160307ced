// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "netlink/positions.hpp"

namespace {

using statchan::detail::Positions;

TEST(Positions, StepsAreLosses) {
    Positions p{1};
    p.joined_at(0, 0);
    EXPECT_EQ(p.message(0, 0, 10), 0U);
    EXPECT_EQ(p.message(0, 10, 5), 0U);
    EXPECT_EQ(p.message(0, 22, 1), 7U);
    EXPECT_EQ(p.message(0, 23, 1), 0U);
    EXPECT_EQ(p.end(0, 30), 6U);
    EXPECT_EQ(p.end(0, 30), 0U);
    EXPECT_EQ(p.before(0), 0U);
}

TEST(Positions, JoiningLateIsNoLoss) {
    Positions p{1};
    p.joined_at(0, 100);
    EXPECT_EQ(p.before(0), 100U);
    // Under way when we joined.
    EXPECT_EQ(p.message(0, 96, 10), 0U);
    EXPECT_EQ(p.before(0), 96U);
    EXPECT_EQ(p.message(0, 106, 1), 0U);
}

TEST(Positions, LossBeforeTheFirstMessage) {
    Positions p{1};
    p.joined_at(0, 100);
    EXPECT_EQ(p.message(0, 130, 1), 30U);
    EXPECT_EQ(p.before(0), 100U);
}

TEST(Positions, NothingEverCame) {
    Positions p{2};
    p.joined_at(1, 50);
    p.joined_at(7, 50);  // a CPU that does not exist
    EXPECT_EQ(p.end(1, 60), 10U);
    EXPECT_EQ(p.end(0, 0), 0U);
}

TEST(Positions, GoingBackIsNoLoss) {
    Positions p{1};
    EXPECT_EQ(p.message(0, 0, 10), 0U);
    EXPECT_EQ(p.message(0, 5, 2), 0U);
    EXPECT_EQ(p.message(0, 10, 2), 0U);
}

}  // namespace
