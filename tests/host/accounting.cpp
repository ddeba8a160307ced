// SPDX-License-Identifier: MIT
#include "accounting.hpp"

#include <gtest/gtest.h>

#include <random>

#include "support/ok.hpp"
#include "support/records.hpp"

namespace {

using statchan::errc;
using statchan::LostReason;
using statchan::StreamLedgerEntry;
using statchan::detail::Accounting;
using test::Records;

StreamLedgerEntry entry(const Accounting& accounting, std::uint32_t cpu = 0) {
    StreamLedgerEntry e;
    accounting.report(cpu, e);
    return e;
}

TEST(Accounting, CountsWhatComesInOrder) {
    Accounting accounting{2};
    Records records;
    records.sample(0, 5).sample(1, 0).sample(0, 6).lost(0, 7, 9, 3).sample(0, 10);
    const auto found = accounting.scan(records.bytes(), {});
    ASSERT_OK(found);
    EXPECT_EQ(found->samples, 4U);
    EXPECT_EQ(found->gaps, 1U);
    EXPECT_EQ(found->bytes, records.data().size());
    const auto e = entry(accounting);
    EXPECT_EQ(e.received, 3U);
    EXPECT_EQ(e.gaps, 1U);
    EXPECT_EQ(e.gap_records[0], 3U);
    EXPECT_EQ(e.gaps_unexplained, 0U);
    EXPECT_EQ(e.out_of_order, 0U);
    EXPECT_EQ(entry(accounting, 1).received, 1U);
    EXPECT_EQ(accounting.expected(0), 11U);
}

TEST(Accounting, NoticesWhatNobodyExplains) {
    Accounting accounting{1};
    Records records;
    records.sample(0, 0).sample(0, 4).lost(0, 5, 6, 2).sample(0, 10);
    ASSERT_OK(accounting.scan(records.bytes(), {}));
    EXPECT_EQ(entry(accounting).gaps_unexplained, 3U + 3U);
}

TEST(Accounting, SeesReasonsThatAlternate) {
    Accounting accounting{1};
    Records records;
    records.sample(0, 0).lost(0, 1, 9, 5).lost(0, 2, 8, 4, STATCHAN_LOST_NO_MEMORY).sample(0, 10);
    ASSERT_OK(accounting.scan(records.bytes(), {}));
    EXPECT_EQ(entry(accounting).gaps_unexplained, 0U);
}

TEST(Accounting, BeginsWithALoss) {
    Accounting accounting{1};
    Records records;
    records.lost(0, 3, 6, 4);
    ASSERT_OK(accounting.scan(records.bytes(), {}));
    EXPECT_EQ(accounting.expected(0), 7U);
    records.sample(0, 9);
    Accounting again{1};
    ASSERT_OK(again.scan(records.bytes(), {}));
    EXPECT_EQ(entry(again).gaps_unexplained, 2U);
}

TEST(Accounting, ExplainsAcrossChunks) {
    Accounting accounting{1};
    Records a;
    Records b;
    a.sample(0, 0).lost(0, 1, 2, 2);
    b.sample(0, 3);
    ASSERT_OK(accounting.scan(a.bytes(), {}));
    ASSERT_OK(accounting.scan(b.bytes(), {}));
    EXPECT_EQ(entry(accounting).gaps_unexplained, 0U);
}

TEST(Accounting, KnowsTheDecimationOfTheChannel) {
    Accounting accounting{1};
    accounting.set_step(3);
    Records records;
    records.sample(0, 9).sample(0, 12).lost(0, 15, 18, 2).sample(0, 21);
    ASSERT_OK(accounting.scan(records.bytes(), {}));
    EXPECT_EQ(entry(accounting).gaps_unexplained, 0U);
    EXPECT_EQ(accounting.expected(0), 24U);
    Records more;
    more.sample(0, 30);
    ASSERT_OK(accounting.scan(more.bytes(), {}));
    EXPECT_EQ(entry(accounting).gaps_unexplained, 2U);
}

TEST(Accounting, SequenceThatGoesBackIsOutOfOrder) {
    Accounting accounting{1};
    Records records;
    records.sample(0, 5).sample(0, 5).sample(0, 3).sample(0, 6);
    ASSERT_OK(accounting.scan(records.bytes(), {}));
    EXPECT_EQ(entry(accounting).out_of_order, 2U);
    EXPECT_EQ(entry(accounting).gaps_unexplained, 0U);
}

TEST(Accounting, SocketGapSpansTheKernelsLossesToo) {
    Accounting accounting{1};
    Records records;
    records.sample(0, 0).lost(0, 1, 20, 10, STATCHAN_LOST_SOCKET_OVERRUN).sample(0, 21);
    ASSERT_OK(accounting.scan(records.bytes(), {}));
    EXPECT_EQ(entry(accounting).gaps_unexplained, 0U);
    EXPECT_EQ(entry(accounting).gap_records[STATCHAN_LOST_SOCKET_OVERRUN], 10U);
}

TEST(Accounting, UnreportedGapIsInNoReason) {
    Accounting accounting{1};
    Records records;
    records.sample(0, 0)
        .lost(0, 1, 4, 4, static_cast<std::uint32_t>(LostReason::unreported))
        .sample(0, 5);
    ASSERT_OK(accounting.scan(records.bytes(), {}));
    const auto e = entry(accounting);
    EXPECT_EQ(e.gaps_unexplained, 0U);
    for (const auto count : e.gap_records) EXPECT_EQ(count, 0U);
}

TEST(Accounting, StopsAtTheSoftLimitAfterAWholeRecord) {
    Accounting accounting{1};
    Records records;
    records.sample(0, 0).sample(0, 1).sample(0, 2);
    const auto found = accounting.scan(records.bytes(), {.soft_bytes = 57});
    ASSERT_OK(found);
    EXPECT_EQ(found->samples, 2U);
    EXPECT_EQ(found->bytes, 2 * 56U);
}

TEST(Accounting, LeavesACutRecordIfThatMayBe) {
    Records records;
    records.sample(0, 0).sample(0, 1);
    for (std::size_t cut = 8; cut <= 56; cut += 8) {
        Accounting accounting{1};
        const auto whole = records.bytes();
        const auto found = accounting.scan(whole.first(whole.size() - cut), {.longest_cut = 64});
        ASSERT_OK(found);
        EXPECT_EQ(found->samples, 1U);
        EXPECT_EQ(found->bytes, 56U);
        Accounting strict{1};
        if (cut == 56) continue;  // cut exactly between the two
        EXPECT_FAILS(strict.scan(whole.first(whole.size() - cut), {}), errc::bad_data);
    }
}

TEST(Accounting, RejectsLyingHeads) {
    struct Lie {
        std::uint32_t len;
        std::uint16_t type, cpu;
    };
    for (const auto lie : {Lie{0, 1, 0}, Lie{47, 1, 0}, Lie{8, 1, 0}, Lie{55, 2, 0}, Lie{0, 3, 0},
                           Lie{7, 77, 0}, Lie{65, 1, 0}, Lie{0xffffffff, 1, 0},
                           Lie{0xfffffff9, 3, 0}, Lie{56, 1, 2}, Lie{56, 2, 0xffff}}) {
        Accounting accounting{2};
        Records records;
        records.raw(lie.len, lie.type, lie.cpu, 64);
        EXPECT_FAILS(accounting.scan(records.bytes(), {}), errc::bad_data);
    }
}

TEST(Accounting, RejectsTooSmallLengthEvenIfItMayBeCut) {
    Accounting accounting{1};
    Records records;
    records.raw(12, STATCHAN_RECORD_SAMPLE, 0, 64);
    EXPECT_FAILS(accounting.scan(records.bytes(), {.longest_cut = 4096}), errc::bad_data);
}

// It would be waited for, for ever, behind a buffer that is full.
TEST(Accounting, RejectsACutRecordThatNoBufferHolds) {
    for (const std::uint32_t len : {65U, 0xffffffffU}) {
        Accounting accounting{1};
        Records records;
        records.raw(len, STATCHAN_RECORD_SAMPLE, 0, 64);
        EXPECT_FAILS(accounting.scan(records.bytes(), {.longest_cut = 64}), errc::bad_data);
    }
    Accounting accounting{1};
    Records records;
    records.raw(65, STATCHAN_RECORD_SAMPLE, 0, 64);
    ASSERT_OK(accounting.scan(records.bytes(), {.longest_cut = 72}));
}

TEST(Accounting, RejectsRecordsOfAnotherCpu) {
    Accounting accounting{2};
    Records records;
    records.sample(1, 0);
    EXPECT_FAILS(accounting.scan(records.bytes(), {.cpu = 0}), errc::bad_data);
}

// A transport may have more rings than the stream has CPUs, if the kernel says two numbers.
TEST(Accounting, TakesNothingOfACpuThatThereIsNot) {
    Accounting accounting{1};
    Records records;
    const auto record = records.sample(1, 0).bytes();
    for (const std::uint32_t cpu : {1U, 65'535U, 0xffffffffU})
        EXPECT_FALSE(accounting.take_next(cpu, record)) << cpu;
    EXPECT_FAILS(accounting.scan(record, {.cpu = 1}), errc::bad_data);
}

TEST(Accounting, RejectsLossesThatContradictThemselves) {
    for (const auto& [first, last, count] :
         {std::tuple{5U, 4U, 1U}, std::tuple{5U, 6U, 3U}, std::tuple{5U, 6U, 0U}}) {
        Accounting accounting{1};
        Records records;
        records.lost(0, first, last, count);
        EXPECT_FAILS(accounting.scan(records.bytes(), {}), errc::bad_data);
    }
}

TEST(Accounting, SurvivesRandomBytes) {
    std::mt19937_64 random{2};
    Accounting accounting{4};
    for (int round = 0; round < 20000; ++round) {
        Records records;
        records.sample(0, 1, 16).lost(1, 2, 4, 3).sample(2, 5, 40).raw(24, 3, 0, 24).sample(3, 6);
        auto& data = records.data();
        for (int change = 0; change < 4; ++change)
            data[random() % data.size()] = static_cast<std::byte>(random());
        const auto chunk = records.bytes();
        const auto found = accounting.scan(chunk.first(chunk.size() - random() % 7 * 8),
                                           {.longest_cut = random() % 2 * 4096});
        if (found) {
            ASSERT_LE(found->bytes, chunk.size());
        }
    }
}

}  // namespace
