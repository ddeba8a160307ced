// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <ranges>
#include <statchan/stream.hpp>
#include <utility>

#include "fd.hpp"
#include "stream_backend.hpp"
#include "stream_run.hpp"
#include "support/ok.hpp"
#include "support/records.hpp"

namespace {

using namespace statchan;
using namespace statchan::detail;
using namespace std::chrono_literals;
using test::Records;

// A transport whose buffer is what the test says; readable when a byte is in the pipe.
class Fake final : public StreamBackend {
  public:
    Fake() : StreamBackend{{.transport = "fake", .source = "sw0", .nr_cpus = 2}} {
        int ends[2];
        EXPECT_EQ(::pipe(ends), 0);
        read_ = Fd{ends[0]};
        write_ = Fd{ends[1]};
    }
    [[nodiscard]] int fd() const noexcept override { return read_.get(); }
    [[nodiscard]] Result<void> stop() override { return {}; }
    [[nodiscard]] Result<void> start() override { return {}; }

    void announce() { EXPECT_EQ(::write(write_.get(), "x", 1), 1); }
    void hush() {
        char byte = 0;
        EXPECT_EQ(::read(read_.get(), &byte, 1), 1);
    }

    std::function<Result<Flow>(Fake&)> on_collect = [](Fake&) { return Flow::open; };
    int given_back = 0;
    Flow flow = Flow::open;
    using StreamBackend::add_chunk;
    using StreamBackend::Flow;

  protected:
    Result<Flow> collect() override { return on_collect(*this); }
    void give_back() noexcept override { ++given_back; }
    Result<Ledger> kernel_ledger() override {
        Ledger ledger;
        ledger.cpus.resize(2);
        ledger.cpus[1].cpu = 1;
        return ledger;
    }

  private:
    Fd read_;
    Fd write_;
};

struct StreamTest : testing::Test {
    Fake* fake = new Fake;
    Stream stream{std::make_unique<StreamRun>(std::unique_ptr<StreamBackend>{fake})};
    Records records = std::move(Records{}.sample(0, 0).sample(0, 1));
    Chunk bytes = records.bytes();

    void give_records_once() {
        fake->on_collect = [this](Fake& f) -> Result<Fake::Flow> {
            EXPECT_TRUE(f.add_chunk(bytes));
            f.on_collect = [](Fake&) { return Fake::Flow::open; };
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
    fake->on_collect = [&](Fake& f) -> Result<Fake::Flow> {
        if (++collects == 1) {
            f.hush();
            return Fake::Flow::open;
        }
        EXPECT_TRUE(f.add_chunk(bytes));
        return Fake::Flow::open;
    };
    const auto batch = stream.next(30ms);
    ASSERT_OK(batch);
    EXPECT_EQ(batch->sample_count(), 2U);
    EXPECT_EQ(collects, 2);
}

TEST_F(StreamTest, EndComesAfterTheLastRecordsAndStays) {
    give_records_once();
    fake->flow = Fake::Flow::ended;
    ASSERT_OK(stream.next(0ns));
    fake->on_collect = [](Fake&) { return Fake::Flow::ended; };
    EXPECT_FAILS(stream.next(0ns), errc::end_of_stream);
    fake->on_collect = [](Fake&) -> Result<Fake::Flow> {
        ADD_FAILURE() << "collected after the end";
        return Fake::Flow::open;
    };
    EXPECT_FAILS(stream.next(1s), errc::end_of_stream);
}

TEST_F(StreamTest, BadDataIsForGood) {
    Records bad;
    bad.raw(3, STATCHAN_RECORD_SAMPLE, 0, 64);
    const auto chunk = bad.bytes();
    fake->on_collect = [&](Fake& f) -> Result<Fake::Flow> {
        auto added = f.add_chunk(chunk);
        EXPECT_FALSE(added);
        return pass_on(added.error());
    };
    EXPECT_FAILS(stream.next(0ns), errc::bad_data);
    fake->on_collect = [](Fake&) { return Fake::Flow::open; };
    const auto again = stream.next(0ns);
    EXPECT_FAILS(again, errc::bad_data);
    EXPECT_EQ(again.error().doing, "read samples of 'sw0'");
}

// The end came together with the last records, so nothing will ever wake a reader again.
TEST_F(StreamTest, EndThatCameWithRecordsIsNotWaitedFor) {
    Records records;
    records.sample(0, 0);
    fake->on_collect = [&, first = true](Fake& f) mutable -> Result<Fake::Flow> {
        if (std::exchange(first, false)) {
            EXPECT_TRUE(f.add_chunk(records.bytes()).has_value());
        }
        return Fake::Flow::ended;
    };
    ASSERT_OK(stream.next(nanoseconds{0}));
    const auto end = stream.next(nanoseconds{-1});
    ASSERT_FALSE(end.has_value());
    EXPECT_EQ(end.error(), errc::end_of_stream);
}

TEST_F(StreamTest, OtherErrorsPass) {
    fake->on_collect = [](Fake&) -> Result<Fake::Flow> { return fail_errno(ENOMEM, {"t"}); };
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

TEST(StreamConfig, BatchHoldsALargestRecord) {
    EXPECT_EQ(effective_batch_bytes({}, 128), 256U << 10);
    EXPECT_EQ(effective_batch_bytes({.batch_bytes = 1}, 100), 152U);
    EXPECT_EQ(effective_batch_bytes({.batch_bytes = 1}, 0), 56U);
    EXPECT_EQ(effective_batch_bytes({.batch_bytes = 4096}, 100), 4096U);
}

}  // namespace
