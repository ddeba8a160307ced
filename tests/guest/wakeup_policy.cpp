// SPDX-License-Identifier: MIT
//
// Guarantee 6. watermark (records or bytes) and timeout mean the same on every transport.
#include <poll.h>

#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class WakeupPolicy : public OverTransport {
  protected:
    // Readable within the time. For "no" the time is what the test has to wait, so keep it short:
    // emit() has returned by then, and with it everything that could announce.
    static bool readable(const statchan::Stream& stream, std::chrono::milliseconds within) {
        pollfd p{.fd = stream.fd(), .events = POLLIN, .revents = 0};
        return ::poll(&p, 1, static_cast<int>(within.count())) == 1;
    }
    static constexpr std::chrono::milliseconds a_moment{30};
    static constexpr std::chrono::milliseconds long_enough{20'000};
};
OVER_TRANSPORTS_WITH(WakeupPolicy, statchan::Capability::samples);

TEST_P(WakeupPolicy, WatermarkInRecordsBatches) {
    Synth synth{"size=64"};
    auto stream =
        client.subscribe(synth.name(), {.watermark_records = 32, .timeout = statchan::never});
    ASSERT_OK(stream);
    Reader reader{*stream};
    for (int round = 0; round < 3; ++round) {
        synth.emit(31);
        EXPECT_FALSE(readable(*stream, a_moment)) << "before the watermark";
        synth.emit(1);
        EXPECT_TRUE(readable(*stream, long_enough)) << "at the watermark";
        EXPECT_TRUE(reader.once(patience));
        EXPECT_EQ(reader.received(), 32U * static_cast<unsigned>(round + 1));
        EXPECT_FALSE(readable(*stream, 0ms)) << "all is read";
    }
    EXPECT_EQ(reader.largest_batch(), 32U);
}

TEST_P(WakeupPolicy, WatermarkInBytesBatches) {
    Synth synth{"size=64"};
    // 112 bytes each: the tenth reaches 1120
    auto stream =
        client.subscribe(synth.name(), {.watermark_bytes = 1100, .timeout = statchan::never});
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(9);
    EXPECT_FALSE(readable(*stream, a_moment));
    synth.emit(1);
    EXPECT_TRUE(readable(*stream, long_enough));
    EXPECT_TRUE(reader.records(10));
}

TEST_P(WakeupPolicy, WatermarkCountsPerCpu) {
    Synth synth{"size=64 cpus=2"};
    auto stream =
        client.subscribe(synth.name(), {.watermark_records = 10, .timeout = statchan::never});
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(9);  // on each
    EXPECT_FALSE(readable(*stream, a_moment));
    synth.emit(1);
    EXPECT_TRUE(readable(*stream, long_enough));
    EXPECT_TRUE(reader.records(20));
}

TEST_P(WakeupPolicy, TimeoutDeliversASlowStream) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), {.watermark_records = 1'000'000, .timeout = 50ms});
    ASSERT_OK(stream);
    for (int round = 0; round < 3; ++round) {
        synth.emit(1);
        ASSERT_TRUE(readable(*stream, long_enough));
        const auto now = Clock::now();
        const auto batch = stream->next(patience);
        ASSERT_OK(batch);
        ASSERT_EQ(batch->sample_count(), 1U);
        EXPECT_GE(now - (*batch->samples().begin()).time(), 50ms) << "before its time";
        stream->release();
    }
}

// The timeout belongs to the first record that waits, not to the last.
TEST_P(WakeupPolicy, TimeoutIsNotPutOffByLaterRecords) {
    Synth synth{"size=64 pps=200"};
    auto stream = client.subscribe(synth.name(), {.watermark_records = 1'000'000, .timeout = 40ms});
    ASSERT_OK(stream);
    synth.set("run=1");
    ASSERT_TRUE(readable(*stream, long_enough)) << "a record every 5 ms puts it off for ever";
    synth.set("run=0");
    Reader reader{*stream};
    EXPECT_TRUE(reader.records(synth.info().emitted));
}

TEST_P(WakeupPolicy, WatermarkComesBeforeALongTimeout) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), {.watermark_records = 8, .timeout = 1h});
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(8);
    EXPECT_TRUE(readable(*stream, long_enough));
    EXPECT_TRUE(reader.records(8));
}

// A notification per batch, not per record.
TEST_P(WakeupPolicy, WakeupsAreCountedAndFew) {
    Synth synth{"size=64"};
    auto stream =
        client.subscribe(synth.name(), {.watermark_records = 100, .timeout = statchan::never});
    ASSERT_OK(stream);
    Reader reader{*stream};
    for (unsigned round = 1; round <= 10; ++round) {
        synth.emit(100);
        ASSERT_TRUE(reader.records(round * 100));
    }
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    const auto wakeups = ledger->total().wakeups;
    ASSERT_TRUE(wakeups);
    EXPECT_LE(*wakeups, 10U);
}

// A sleeping reader is woken for each batch; one that lost a wakeup sleeps on.
TEST_P(WakeupPolicy, NoWakeupIsLost) {
    Synth synth{"size=64 cpus=2 context=hardirq mode=back-to-back count=20000"};
    auto stream = client.subscribe(
        synth.name(),
        {.watermark_records = 20, .timeout = statchan::never, .buffer_size = 8U << 20});
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.set("run=1");
    // 20 divides 20000: the watermark alone must bring everything.
    const auto deadline = Clock::now() + 3 * patience;
    while (reader.accounted() < 40'000 && Clock::now() < deadline && !HasFailure())
        if (readable(*stream, long_enough))
            reader.once(0ns);
        else
            break;
    EXPECT_EQ(reader.accounted(), 40'000U);
    synth.set("run=0");
    expect_books_close(*stream);
}

// A watermark that there is no room for: else who sleeps until it is reached sleeps on, and all is
// lost.
TEST_P(WakeupPolicy, FullBufferIsAnnounced) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), {.watermark_records = 1'000'000,
                                                  .timeout = statchan::never,
                                                  .buffer_size = 16384,
                                                  .subbufs = 2,
                                                  .receive_buffer = 1U << 20});
    ASSERT_OK(stream);
    Reader reader{*stream};
    // Netlink's messages are replaced after they were sent, so perhaps after they were read: what
    // is emitted before is lost, nothing of it waits, and so nothing is announced.
    const auto one_chance = is_netlink() ? std::chrono::milliseconds{5000} : long_enough;
    std::uint64_t emitted = 0;
    std::uint64_t in_vain = 0;
    const auto announces = [&] {
        synth.emit(1000);
        emitted += 1000;
        const bool announced = readable(*stream, one_chance);
        if (!announced) in_vain += 1000;
        return announced;
    };
    for (int round = 0; round < 3; ++round) {
        const auto before = reader.accounted();
        EXPECT_TRUE(is_netlink() ? eventually(announces) : announces()) << "in round " << round;
        while (readable(*stream, 0ms)) ASSERT_TRUE(reader.once(patience));
        EXPECT_GT(reader.accounted(), before);
    }
    ASSERT_OK(stream->stop());
    EXPECT_TRUE(reader.to_the_end());
    EXPECT_EQ(reader.accounted(), emitted);
    EXPECT_GE(reader.lost(), in_vain) << "some was accepted, and not announced";
    // netlink's messages go on to the socket when half are used
    if (!transport().starts_with("netlink")) {
        EXPECT_GT(reader.lost(), 0U) << "it was never full: the test shows nothing";
    }
    expect_books_close(*stream);
}

TEST_P(WakeupPolicy, AsIsInForceIsReported) {
    Synth synth;
    auto stream = client.subscribe(
        synth.name(), {.watermark_records = 17, .watermark_bytes = 5000, .timeout = 123ms});
    ASSERT_OK(stream);
    EXPECT_EQ(stream->effective().watermark_records, 17U);
    EXPECT_EQ(stream->effective().watermark_bytes, 5000U);
    EXPECT_EQ(stream->effective().timeout, 123ms);
    auto defaults = open_client(transport()).subscribe(synth.name());
    ASSERT_OK(defaults);
    EXPECT_EQ(defaults->effective().watermark_records, 64U);
    EXPECT_EQ(defaults->effective().timeout, 10ms);
}
