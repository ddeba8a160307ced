// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <ranges>
#include <statchan/record.hpp>
#include <statchan/stream.hpp>
#include <string>

#include "support/records.hpp"

namespace {

using statchan::Batch;
using statchan::Chunk;
using statchan::ItemIterator;
using test::Records;

static_assert(std::forward_iterator<ItemIterator>);
static_assert(std::input_iterator<statchan::SampleIterator>);
static_assert(std::ranges::forward_range<Batch>);

TEST(Record, SampleShowsAllFields) {
    Records records;
    records.sample(2, 41, 5, 100);
    const std::array chunks{records.bytes()};
    const Batch batch{chunks, 1, 0};
    ASSERT_EQ(std::ranges::distance(batch), 1);
    const auto sample = (*batch.begin()).sample();
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->cpu(), 2U);
    EXPECT_EQ(sample->seq(), 41U);
    EXPECT_EQ(statchan::to_ns(sample->time()), 1041U);
    EXPECT_EQ(sample->orig_len(), 105U);
    EXPECT_EQ(sample->ifindex(), 7U);
    EXPECT_EQ(sample->rate(), 100U);
    EXPECT_TRUE(sample->ingress());
    EXPECT_TRUE(sample->truncated());
    EXPECT_FALSE(sample->egress());
    EXPECT_FALSE(sample->vlan());
    EXPECT_EQ(sample->protocol(), 0x0800);
    EXPECT_EQ(sample->queue(), 3U);
    ASSERT_EQ(sample->payload().size(), 5U);
    EXPECT_EQ(sample->payload()[4], std::byte{4});
    EXPECT_EQ(sample->bytes().size(), 53U);
}

TEST(Record, VlanOnlyIfFlagged) {
    Records records;
    records.sample(0, 0);
    auto* r = reinterpret_cast<statchan_record*>(records.data().data());
    r->flags = STATCHAN_REC_VLAN | STATCHAN_REC_EGRESS;
    r->vlan_tci = 0x2005;
    r->vlan_proto = 0x88a8;
    const auto chunk = records.bytes();
    const statchan::Sample sample{chunk.data(), static_cast<std::uint32_t>(chunk.size())};
    ASSERT_TRUE(sample.vlan());
    EXPECT_EQ(sample.vlan()->tci, 0x2005);
    EXPECT_EQ(sample.vlan()->protocol, 0x88a8);
    EXPECT_TRUE(sample.egress());
}

TEST(Record, GapTellsItsSentence) {
    Records records;
    records.lost(1, 880, 1093, 214);
    const std::array chunks{records.bytes()};
    const auto gap = (*Batch{chunks, 0, 1}.begin()).gap();
    ASSERT_TRUE(gap);
    EXPECT_EQ(to_string(*gap), "cpu 1: 214 records lost, seq 880..1093, reason ring_full");
}

TEST(Record, IterationCrossesChunksAndSkipsWhatItDoesNotKnow) {
    Records a;
    a.sample(0, 0).raw(24, STATCHAN_RECORD_PAD, 0, 24).lost(0, 1, 3, 3).raw(16, 99, 0, 16);
    Records b;
    Records c;
    c.raw(8, STATCHAN_RECORD_PAD, 0, 8).sample(1, 7);
    const std::array chunks{a.bytes(), b.bytes(), c.bytes()};
    const Batch batch{chunks, 2, 1};
    std::string seen;
    for (const auto& item : batch) {
        if (const auto gap = item.gap()) seen += "gap" + std::to_string(gap->count) + " ";
        if (const auto sample = item.sample()) seen += std::to_string(sample->seq()) + " ";
    }
    EXPECT_EQ(seen, "0 gap3 7 ");
    seen.clear();
    for (const auto sample : batch.samples()) seen += std::to_string(sample.seq()) + " ";
    EXPECT_EQ(seen, "0 7 ");
}

TEST(Record, EmptyBatchHasNothing) {
    const Batch batch;
    EXPECT_TRUE(batch.empty());
    EXPECT_EQ(std::ranges::distance(batch), 0);
    for (const auto sample : batch.samples()) FAIL() << sample.seq();
}

// The memory may change after it was checked: the iterator must stay inside whatever it reads.
TEST(Record, LyingLengthsEndTheChunk) {
    for (const std::uint32_t len : {0U, 1U, 7U, 8U, 47U, 57U, 4096U, 0xffffffffU, 0xfffffff8U}) {
        Records a;
        a.sample(0, 0).raw(len, STATCHAN_RECORD_SAMPLE, 0, 56).sample(0, 2);
        Records b;
        b.sample(1, 0);
        const std::array chunks{a.bytes(), b.bytes()};
        std::size_t n = 0;
        for (const auto sample : Batch{chunks, 0, 0}.samples()) n += sample.payload().size() < 4096;
        EXPECT_GE(n, 2U) << len;  // the one before, and the other chunk
    }
}

TEST(Record, IterationSurvivesRandomBytes) {
    std::mt19937_64 random{1};
    for (int round = 0; round < 20000; ++round) {
        Records records;
        records.sample(0, 1, 16).lost(0, 2, 4, 3).sample(0, 5, 40).raw(24, 3, 0, 24).sample(0, 6);
        auto& data = records.data();
        for (int change = 0; change < 4; ++change)
            data[random() % data.size()] = static_cast<std::byte>(random());
        std::array<Chunk, 1> chunks{records.bytes()};
        std::uint64_t sum = 0;
        for (const auto& item : Batch{chunks, 0, 0}) {
            if (const auto sample = item.sample())
                for (const auto byte : sample->bytes()) sum += static_cast<unsigned>(byte);
            if (const auto gap = item.gap()) sum += gap->count;
        }
        ASSERT_NE(sum, ~0ULL);
    }
}

}  // namespace
