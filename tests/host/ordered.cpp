// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <sys/time.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <statchan/ordered.hpp>
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

struct OrderedTest : testing::Test {
    FakeStream* fake = new FakeStream;
    Stream stream{std::make_unique<StreamRun>(std::unique_ptr<StreamBackend>{fake})};
    Result<OrderedStream> ordered = OrderedStream::make(stream, 1ms);
    Records records{};
    Chunk bytes{};

    void SetUp() override { ASSERT_OK(ordered); }

    void give(Records what) {
        records = std::move(what);
        bytes = records.bytes();
        fake->on_collect = [this](FakeStream& f) -> Result<FakeStream::Flow> {
            EXPECT_TRUE(f.add_chunk(bytes));
            f.on_collect = [](FakeStream&) { return FakeStream::Flow::open; };
            return FakeStream::Flow::open;
        };
    }
};

// As of a Stream: who waits for ever wants to end with Ctrl-C all the same.
TEST_F(OrderedTest, SignalEndsAWait) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    struct sigaction before {};
    ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
    // Again and again: the first may come before the wait.
    const itimerval often{.it_interval = {.tv_sec = 0, .tv_usec = 20'000},
                          .it_value = {.tv_sec = 0, .tv_usec = 20'000}};
    ASSERT_EQ(::setitimer(ITIMER_REAL, &often, nullptr), 0);
    const auto batch = ordered->next(-1ns);
    const itimerval no_more{};
    ASSERT_EQ(::setitimer(ITIMER_REAL, &no_more, nullptr), 0);
    ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
    ASSERT_OK(batch);
    EXPECT_TRUE(batch->empty());
}

// A source may stamp as it likes. What comes after a record of the year 2116 does not wait until
// then.
TEST_F(OrderedTest, StampOfTheFutureHoldsNothingBack) {
    auto what = std::move(Records{}.sample(0, 0).sample(0, 1).sample(1, 0));
    const std::uint64_t future = std::uint64_t{1} << 62U;
    std::memcpy(what.data().data() + 16, &future, sizeof future);
    give(std::move(what));
    fake->announce();
    std::size_t samples = 0;
    for (int batches = 0; samples < 3 && batches < 1000; ++batches) {
        const auto batch = ordered->next(100ms);
        ASSERT_OK(batch);
        samples += batch->sample_count();
    }
    EXPECT_EQ(samples, 3U);
    EXPECT_EQ(ordered->late(), 1U) << "the one behind it, on its CPU";
}

TEST_F(OrderedTest, MayWaitForMoreThanTheClockCounts) {
    give(std::move(Records{}.sample(0, 0)));
    fake->announce();
    const auto batch = ordered->next(never);
    ASSERT_OK(batch);
    EXPECT_EQ(batch->sample_count(), 1U);
}

}  // namespace
