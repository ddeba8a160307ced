// SPDX-License-Identifier: MIT
//
// Guarantee 8, seen from the CPUs: what one has produced is neither lost nor forgotten when it goes
// offline, and one that comes online is heard by streams that were there before.
#include "support/cpu.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class CpuHotplug : public OverTransport {
  protected:
    static statchan::StreamLedgerEntry of_cpu(unsigned cpu, const statchan::Stream& stream) {
        const auto ledger = stream.ledger();
        EXPECT_OK(ledger);
        return ledger ? ledger->cpus.at(cpu) : statchan::StreamLedgerEntry{};
    }
};
OVER_TRANSPORTS_WITH(CpuHotplug, statchan::Capability::samples);

TEST_P(CpuHotplug, GoesAndComesWhileItProduces) {
    for (const auto* context : {"process", "softirq", "hardirq"}) {
        SCOPED_TRACE(context);
        Synth synth{"size=64 cpus=2 mode=back-to-back context=" + std::string{context}};
        auto stream = client.subscribe(synth.name());
        ASSERT_OK(stream);
        Reader reader{*stream};
        reader.expect_from(0);
        synth.set("run=1");
        EXPECT_TRUE(reader.until([&] { return reader.accounted(1) > 1000; }));
        {
            const CpuOffline offline;
            const auto before = of_cpu(1, *stream);
            EXPECT_GT(before.produced, 1000U);
            EXPECT_TRUE(before.adds_up());
            EXPECT_TRUE(reader.until(
                [&, then = reader.accounted(0)] { return reader.accounted(0) > then + 1000; }));
            const auto after = of_cpu(1, *stream);
            EXPECT_EQ(after.produced, before.produced) << "it is offline, and not forgotten";
            EXPECT_TRUE(after.adds_up());
            synth.set("run=0");
        }
        synth.set("run=1");  // it is one of the producers again
        const auto before = of_cpu(1, *stream).produced;
        EXPECT_TRUE(reader.until([&] { return of_cpu(1, *stream).produced > before; }));
        synth.set("run=0");
        EXPECT_TRUE(settle(reader, synth));
        expect_books_close(*stream);
    }
}

// Neither the watermark nor a later record tells of what lies there: only the timeout, whose timer
// has moved to another CPU.
TEST_P(CpuHotplug, WhatItLeftBehindIsAnnounced) {
    Synth synth{"size=64 cpus=2"};
    auto stream = client.subscribe(synth.name(), {.watermark_records = 100'000, .timeout = 300ms});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(50);
    const CpuOffline offline;
    const auto batch = stream->next(patience);
    ASSERT_OK(batch);
    std::uint64_t records = batch->sample_count();
    EXPECT_TRUE(eventually([&] {
        const auto more = stream->next(10ms);
        if (more) records += more->sample_count();
        return records == 100;
    }));
    expect_books_close(*stream);
}

TEST_P(CpuHotplug, SourceThatGoesMeanwhileEndsTheStreamAfterItsRecords) {
    Synth synth{"size=64 cpus=2"};
    auto stream = client.subscribe(synth.name(), {.buffer_size = 16384, .subbufs = 2});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(1000);  // more than there is room for: a loss waits to be told, too
    const CpuOffline offline;
    synth.remove();
    EXPECT_TRUE(reader.to_the_end());
    if (!is_netlink()) {
        EXPECT_EQ(reader.accounted(1), 1000U);
    }
    expect_books_close(*stream);
}

// On relay such a CPU's file is made when it comes online.
TEST_P(CpuHotplug, ComesAfterTheOpen) {
    Synth synth{"size=64 cpus=2"};
    CpuOffline offline;
    auto stream = client.subscribe(synth.name(), {.watermark_records = 10, .timeout = 50ms});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.set("cpus=1");
    synth.emit(100);
    EXPECT_TRUE(reader.records(100));
    offline.online();
    synth.emit(100, "cpus=2");
    EXPECT_TRUE(reader.records(300));
    EXPECT_EQ(reader.received(1), 100U);
    EXPECT_EQ(reader.lost(), 0U);
    expect_books_close(*stream);
}

// The reader sleeps, and only that CPU's records can wake it.
TEST_P(CpuHotplug, ComesWhileTheReaderSleeps) {
    Synth synth{"size=64 cpus=2"};
    CpuOffline offline;
    auto stream =
        client.subscribe(synth.name(), {.watermark_records = 150, .timeout = statchan::never});
    ASSERT_OK(stream);
    std::uint64_t records = 0;
    std::thread sleeper{[&] {
        while (records < 200) {
            const auto batch = stream->next(patience);
            if (!batch || batch->empty()) return;
            records += batch->sample_count();
        }
    }};
    offline.online();
    synth.set("cpus=2");
    synth.emit(100);
    synth.emit(100);
    sleeper.join();
    EXPECT_GE(records, 200U);
}

// So soon that a reader who looks now and then has not seen it: what it produced comes before the
// end all the same.
TEST_P(CpuHotplug, ComesJustBeforeTheEnd) {
    for (int i = 0; i < 5; ++i) {
        Synth synth{"size=64 cpus=2"};
        CpuOffline offline;
        auto stream = client.subscribe(synth.name(), {.timeout = 1h});
        ASSERT_OK(stream);
        Reader reader{*stream};
        reader.expect_from(0);
        bool ended = false;
        std::thread taker{[&] { ended = reader.to_the_end(); }};
        offline.online();
        synth.emit(20);
        synth.remove();
        taker.join();
        EXPECT_TRUE(ended);
        EXPECT_EQ(reader.received(1), 20U);
        EXPECT_EQ(reader.received(), 40U);
        expect_books_close(*stream);
    }
}

// The handover is made for it, too, though it can not run anything.
TEST_P(CpuHotplug, ComesAfterASwitch) {
    const auto* const from = transport() == "ioctl" ? "mmap" : "ioctl";
    Synth synth{"size=64 cpus=2"};
    auto switching = open_client(from);
    auto stream = switching.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(50);
    CpuOffline offline;
    ASSERT_OK(switching.switch_transport(*stream, transport()));
    synth.emit(50, "cpus=1");
    offline.online();
    synth.emit(50, "cpus=2");
    EXPECT_TRUE(reader.records(250));
    EXPECT_EQ(reader.received(0), 150U);
    EXPECT_EQ(reader.received(1), 100U);
    expect_books_close(*stream);
}
