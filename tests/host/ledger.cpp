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

TEST(Ledger, LossesAfterAcceptanceAreNoneBeforeIt) {
    auto e = entry();
    e.lost[static_cast<std::size_t>(LostReason::overwritten)] = 7;
    EXPECT_EQ(e.lost_total(), 22U);
    EXPECT_EQ(e.lost_before(), 15U);
    EXPECT_TRUE(e.adds_up());
    e.gap_records[static_cast<std::size_t>(LostReason::overwritten)] = 5;
    EXPECT_EQ(e.in_flight(), 0U);
}

TEST(Ledger, ClosesWhenNothingIsLeftOver) {
    auto e = entry();
    EXPECT_FALSE(e.closes()) << "five are in flight";
    e.received += 5;
    EXPECT_TRUE(e.closes());
    Ledger ledger;
    ledger.cpus = {e, e};
    EXPECT_TRUE(ledger.closes());
    ledger.cpus[1].gaps_unexplained = 1;
    EXPECT_FALSE(ledger.closes());
    ledger.cpus[1].gaps_unexplained = 0;
    ledger.cpus[1].out_of_order = 1;
    EXPECT_FALSE(ledger.closes());
}

// The socket's own count and ours are two witnesses.
TEST(Ledger, DoesNotCloseIfTheSocketKnowsOfNoLoss) {
    auto e = entry();
    e.received += 5;
    Ledger ledger;
    ledger.cpus = {e};
    ledger.socket_drops = 3;
    EXPECT_TRUE(ledger.closes());
    ledger.socket_drops = 0;
    EXPECT_FALSE(ledger.closes()) << "4 records lost in a socket that dropped nothing";
}

TEST(Ledger, OneChannelAfterAnotherIsOneAccount) {
    auto first = entry();
    first.first_seq = 0;
    first.next_seq = 100;
    auto second = entry();
    second.first_seq = 100;
    second.next_seq = 200;
    Ledger a;
    a.cpus = {first};
    a.socket_drops = 1;
    Ledger b;
    b.cpus = {second};
    b.cpus.push_back(second);
    b.cpus[1].cpu = 1;
    b.end_of_stream = true;
    a += b;
    ASSERT_EQ(a.cpus.size(), 2U);
    EXPECT_EQ(a.cpus[0].first_seq, 0U);
    EXPECT_EQ(a.cpus[0].next_seq, 200U);
    EXPECT_EQ(a.cpus[0].produced, 200U);
    EXPECT_EQ(a.cpus[1].produced, 100U);
    EXPECT_EQ(a.socket_drops, 1U);
    EXPECT_TRUE(a.end_of_stream);
}

}  // namespace
