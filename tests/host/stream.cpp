// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <ranges>
#include <statchan/stream.hpp>
#include <utility>

#include "stream_run.hpp"
#include "support/fake_stream.hpp"
#include "support/ok.hpp"
#include "support/records.hpp"

namespace {

using namespace statchan;
using namespace statchan::detail;
using namespace std::chrono_literals;
using test::FakeStream;
using test::Records;

struct StreamTest : testing::Test {
    FakeStream* fake = new FakeStream;
    Stream stream{std::make_unique<StreamRun>(std::unique_ptr<StreamBackend>{fake})};
    Records records = std::move(Records{}.sample(0, 0).sample(0, 1));
    Chunk bytes = records.bytes();

    void give_records_once() {
        fake->on_collect = [this](FakeStream& f) -> Result<FakeStream::Flow> {
            EXPECT_TRUE(f.add_chunk(bytes));
            f.on_collect = [](FakeStream&) { return FakeStream::Flow::open; };
            return f.flow;
        };
    }
};

TEST_F(StreamTest, TakesWhatIsThereWithoutWaiting) {
    give_records_once();
    const auto batch = stream.next(0ns);
    ASSERT_OK(batch);
    EXPECT_EQ(batch->sample_count(), 2U);
    EXPECT_EQ(std::ranges::distance(*batch), 2);
    EXPECT_EQ(fake->given_back, 0);
    stream.release();
    EXPECT_EQ(fake->given_back, 1);
    stream.release();
    EXPECT_EQ(fake->given_back, 1);
}

TEST_F(StreamTest, TimeUpIsAnEmptyBatch) {
    const auto before = std::chrono::steady_clock::now();
    const auto batch = stream.next(20ms);
    ASSERT_OK(batch);
    EXPECT_TRUE(batch->empty());
    EXPECT_GE(std::chrono::steady_clock::now() - before, 20ms);
}

TEST_F(StreamTest, WaitsForTheAnnouncement) {
    give_records_once();
    fake->announce();
    const auto batch = stream.next(-1ns);
    ASSERT_OK(batch);
    EXPECT_EQ(batch->sample_count(), 2U);
}

TEST_F(StreamTest, TakesWhatWaitsForTheWatermarkWhenTimeIsUp) {
    give_records_once();
    const auto batch = stream.next(1ms);
    ASSERT_OK(batch);
    EXPECT_EQ(batch->sample_count(), 2U);
}

TEST_F(StreamTest, WakeupForNothingWaitsOn) {
    fake->announce();
    int collects = 0;
    fake->on_collect = [&](FakeStream& f) -> Result<FakeStream::Flow> {
        if (++collects == 1) {
            f.hush();
            return FakeStream::Flow::open;
        }
        EXPECT_TRUE(f.add_chunk(bytes));
        return FakeStream::Flow::open;
    };
    const auto batch = stream.next(30ms);
    ASSERT_OK(batch);
    EXPECT_EQ(batch->sample_count(), 2U);
    EXPECT_EQ(collects, 2);
}

TEST_F(StreamTest, EndComesAfterTheLastRecordsAndStays) {
    give_records_once();
    fake->flow = FakeStream::Flow::ended;
    ASSERT_OK(stream.next(0ns));
    fake->on_collect = [](FakeStream&) { return FakeStream::Flow::ended; };
    EXPECT_FAILS(stream.next(0ns), errc::end_of_stream);
    fake->on_collect = [](FakeStream&) -> Result<FakeStream::Flow> {
        ADD_FAILURE() << "collected after the end";
        return FakeStream::Flow::open;
    };
    EXPECT_FAILS(stream.next(1s), errc::end_of_stream);
}

TEST_F(StreamTest, BadDataIsForGood) {
    Records bad;
    bad.raw(3, STATCHAN_RECORD_SAMPLE, 0, 64);
    const auto chunk = bad.bytes();
    fake->on_collect = [&](FakeStream& f) -> Result<FakeStream::Flow> {
        auto added = f.add_chunk(chunk);
        EXPECT_FALSE(added);
        return pass_on(added.error());
    };
    EXPECT_FAILS(stream.next(0ns), errc::bad_data);
    fake->on_collect = [](FakeStream&) { return FakeStream::Flow::open; };
    const auto again = stream.next(0ns);
    EXPECT_FAILS(again, errc::bad_data);
    EXPECT_EQ(again.error().doing, "read samples of 'sw0'");
}

// The end came together with the last records, so nothing will ever wake a reader again.
TEST_F(StreamTest, EndThatCameWithRecordsIsNotWaitedFor) {
    Records records;
    records.sample(0, 0);
    fake->on_collect = [&, first = true](FakeStream& f) mutable -> Result<FakeStream::Flow> {
        if (std::exchange(first, false)) {
            EXPECT_TRUE(f.add_chunk(records.bytes()).has_value());
        }
        return FakeStream::Flow::ended;
    };
    ASSERT_OK(stream.next(nanoseconds{0}));
    const auto end = stream.next(nanoseconds{-1});
    ASSERT_FALSE(end.has_value());
    EXPECT_EQ(end.error(), errc::end_of_stream);
}

TEST_F(StreamTest, OtherErrorsPass) {
    fake->on_collect = [](FakeStream&) -> Result<FakeStream::Flow> {
        return fail_errno(ENOMEM, {"t"});
    };
    EXPECT_FAILS(stream.next(0ns), std::make_error_code(std::errc::not_enough_memory));
    give_records_once();
    ASSERT_OK(stream.next(0ns));
}

TEST_F(StreamTest, LedgerHasBothSides) {
    give_records_once();
    ASSERT_OK(stream.next(0ns));
    const auto ledger = stream.ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->cpus[0].received, 2U);
    EXPECT_EQ(ledger->cpus[1].received, 0U);
}

TEST_F(StreamTest, MayWaitForMoreThanTheClockCounts) {
    give_records_once();
    fake->announce();
    const auto batch = stream.next(never);
    ASSERT_OK(batch);
    EXPECT_EQ(batch->sample_count(), 2U);
}

// A forked child has a copy of each descriptor: the end of the first leg must not be announced for
// as long as that lives.
TEST(StreamRun, LegThatWasReadIsNotWatchedAnyMore) {
    auto leg = std::make_unique<FakeStream>();
    leg->on_collect = [](FakeStream&) { return FakeStream::Flow::ended; };
    const Fd copy{::dup(leg->fd())};
    StreamRun run{std::move(leg)};
    ASSERT_OK(run.append(std::make_unique<FakeStream>()));
    ASSERT_OK(run.next(0ns));
    pollfd p{.fd = run.fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&p, 1, 0), 0) << p.revents;
}

TEST(StreamConfig, BatchHoldsALargestRecord) {
    EXPECT_EQ(effective_batch_bytes({}, 128), 256U << 10);
    EXPECT_EQ(effective_batch_bytes({.batch_bytes = 1}, 100), 152U);
    EXPECT_EQ(effective_batch_bytes({.batch_bytes = 1}, 0), 56U);
    EXPECT_EQ(effective_batch_bytes({.batch_bytes = 4096}, 100), 4096U);
}

}  // namespace
