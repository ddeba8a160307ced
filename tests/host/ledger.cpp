// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <statchan/ledger.hpp>

namespace {

using namespace statchan;

StreamLedgerEntry entry() {
    StreamLedgerEntry e;
    e.produced = 100;
    e.accepted = 80;
    e.filtered = 5;
    e.lost.fill(0);
    e.lost[0] = 15;
    e.received = 70;
    e.gap_records[static_cast<std::size_t>(LostReason::socket_overrun)] = 4;
    e.gap_records[0] = 15;
    e.accepted_before = 1;
    return e;
}

TEST(Ledger, AddsUp) {
    auto e = entry();
    EXPECT_TRUE(e.adds_up());
    EXPECT_EQ(e.lost_total(), 15U);
    EXPECT_EQ(e.in_flight(), 5U);
    e.lost[1] = 1;
    EXPECT_FALSE(e.adds_up());
}

TEST(Ledger, UnavailableNeverPassesForANumber) {
    auto e = entry();
    e.produced.reset();
    EXPECT_FALSE(e.adds_up());
    e.accepted.reset();
    EXPECT_FALSE(e.in_flight());
    Ledger ledger;
    ledger.cpus = {entry(), e};
    const auto total = ledger.total();
    EXPECT_FALSE(total.accepted);
    EXPECT_EQ(total.filtered, 10U);
    EXPECT_EQ(total.received, 140U);
    EXPECT_EQ(total.accepted_before, 2U);
}

TEST(Ledger, OfNoCpuIsEmpty) { EXPECT_FALSE(Ledger{}.total().produced); }

}  // namespace
