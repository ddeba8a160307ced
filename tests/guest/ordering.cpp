// SPDX-License-Identifier: MIT
//
// Ordering: per CPU always; over all CPUs by time, with a bounded delay, for who asks for it.
#include <statchan/ordered.hpp>

#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class Ordering : public OverTransport {};
OVER_TRANSPORTS_WITH(Ordering, statchan::Capability::samples);

TEST_P(Ordering, MergesCpusByTime) {
    Synth synth{"size=64 cpus=2 pps=1000 context=softirq count=1000"};
    auto stream = client.subscribe(synth.name(), {.timeout = 5ms});
    ASSERT_OK(stream);
    // for a slow kernel on a busy machine; a record that comes later is late
    auto ordered = statchan::OrderedStream::make(*stream, 2s);
    ASSERT_OK(ordered);
    synth.set("run=1");
    statchan::Time last{};
    std::array<std::uint64_t, 2> next{};
    std::size_t switches = 0;
    unsigned before = 0;
    const bool all = eventually([&] {
        const auto batch = ordered->next(100ms);
        EXPECT_OK(batch);
        if (!batch) return true;
        for (const auto& sample : batch->samples()) {
            EXPECT_GE(sample.time(), last);
            last = sample.time();
            EXPECT_EQ(sample.seq(), next.at(sample.cpu())++);
            switches += sample.cpu() != before ? 1U : 0U;
            before = sample.cpu();
        }
        return next[0] + next[1] >= 2000;
    });
    EXPECT_TRUE(all);
    EXPECT_EQ(ordered->late(), 0U);
    EXPECT_GT(switches, 10U) << "one CPU after the other: the test shows nothing";
    expect_books_close(*stream);
}

// No record comes before its time and the delay, and none much later.
TEST_P(Ordering, DelayIsWhatWasAskedFor) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), {.timeout = 1ms});
    ASSERT_OK(stream);
    auto ordered = statchan::OrderedStream::make(*stream, 100ms);
    ASSERT_OK(ordered);
    EXPECT_EQ(ordered->delay(), 100ms);
    synth.emit(3);
    std::size_t came = 0;
    EXPECT_TRUE(eventually([&] {
        const auto batch = ordered->next(1s);
        EXPECT_OK(batch);
        if (!batch) return true;
        for (const auto& sample : batch->samples()) {
            EXPECT_GE(Clock::now() - sample.time(), 100ms);
            ++came;
        }
        return came == 3;
    }));
}

TEST_P(Ordering, EndGivesWhatWasHeldBack) {
    Synth synth{"size=64 cpus=2"};
    auto stream = client.subscribe(synth.name(), {.timeout = 1ms});
    ASSERT_OK(stream);
    auto ordered = statchan::OrderedStream::make(*stream, 1h);
    ASSERT_OK(ordered);
    synth.emit(10);
    synth.remove();
    std::size_t came = 0;
    const auto deadline = Clock::now() + patience;
    for (;;) {
        const auto batch = ordered->next(1s);
        if (!batch) {
            EXPECT_EQ(batch.error(), statchan::errc::end_of_stream);
            break;
        }
        came += batch->sample_count();
        ASSERT_LT(Clock::now(), deadline);
    }
    EXPECT_EQ(came, 20U);
}

TEST_P(Ordering, DelayMustCoverTheTimeout) {
    Synth synth;
    auto stream = client.subscribe(synth.name(), {.timeout = 50ms});
    ASSERT_OK(stream);
    const auto ordered = statchan::OrderedStream::make(*stream, 50ms);
    ASSERT_FALSE(ordered.has_value());
    EXPECT_TRUE(ordered.error().is(std::errc::invalid_argument));
    EXPECT_GT(statchan::OrderedStream::default_delay(stream->effective()), 50ms);
}
