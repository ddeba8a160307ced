// SPDX-License-Identifier: MIT
//
// Guarantee 1. Every record has (cpu, seq); seq counts from 0 without holes on each CPU, whatever
// context emitted it, and one CPU's records arrive in increasing seq.
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class Sequence : public OverTransport {
  protected:
    // Emits on two CPUs from one context and reads all: 0, 1, 2, ... on each, nothing missing.
    void expect_without_holes(const std::string& context) {
        Synth synth{"size=64 cpus=2 context=" + context};
        auto stream = client.subscribe(synth.name());
        ASSERT_OK(stream);
        Reader reader{*stream};
        reader.expect_from(0);
        constexpr std::uint64_t each = 2000;
        synth.emit(each);
        EXPECT_TRUE(reader.records(2 * each));
        for (const unsigned cpu : {0U, 1U}) {
            EXPECT_EQ(reader.received(cpu), each);
            EXPECT_EQ(reader.accounted(cpu), each);
        }
        EXPECT_EQ(reader.lost(), 0U);
        expect_books_close(*stream);
    }
};
OVER_TRANSPORTS_WITH(Sequence, statchan::Capability::samples);

TEST_P(Sequence, HasNoHolesFromProcessContext) { expect_without_holes("process"); }
TEST_P(Sequence, HasNoHolesFromSoftirqContext) { expect_without_holes("softirq"); }
TEST_P(Sequence, HasNoHolesFromHardirqContext) { expect_without_holes("hardirq"); }

// A record of the hardirq may come in the middle of one of process context on the same CPU.
TEST_P(Sequence, HasNoHolesWhenContextsInterruptEachOther) {
    Synth synth{"size=64 cpus=2 context=hardirq mode=paced pps=5000"};
    auto stream = client.subscribe(synth.name(), {.buffer_size = 4U << 20});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.set("run=1");  // one run in hardirq, and beside it the emits below
    for (int i = 0; i < 5; ++i) {
        synth.emit(1000, "context=process");
        reader.once(0ns);
    }
    synth.set("run=0");
    const auto emitted = synth.info().emitted;
    EXPECT_GE(emitted, 10'000U);
    EXPECT_TRUE(reader.records(emitted));
    EXPECT_EQ(reader.accounted(), emitted);
    expect_books_close(*stream);
}

TEST_P(Sequence, LateReaderBeginsWhereTheOthersAre) {
    Synth synth{"size=8"};
    auto early = client.subscribe(synth.name());
    ASSERT_OK(early);
    Reader first{*early};
    first.expect_from(0);
    synth.emit(100);
    ASSERT_TRUE(first.records(100));

    auto other = open_client(transport());
    auto late = other.subscribe(synth.name());
    ASSERT_OK(late);
    Reader second{*late};
    second.expect_from(100);
    synth.emit(100);
    EXPECT_TRUE(first.records(200));
    EXPECT_TRUE(second.records(100));
    EXPECT_EQ(second.received(), 100U);
    expect_books_close(*early);
    expect_books_close(*late);
}

TEST_P(Sequence, GoesOnFromOneReaderToTheNext) {
    Synth synth{"size=8"};
    for (std::uint64_t i = 0; i < 3; ++i) {
        auto stream = client.subscribe(synth.name());
        ASSERT_OK(stream);
        Reader reader{*stream};
        reader.expect_from(i * 50);
        synth.emit(50);
        EXPECT_TRUE(reader.records(50));
    }
}

// What nobody listens to is not emitted and takes no number.
TEST_P(Sequence, RestsWhenNobodyListens) {
    Synth synth{"size=8"};
    synth.emit(1000);
    EXPECT_EQ(synth.info().emitted, 0U);
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(10);
    EXPECT_TRUE(reader.records(10));
    EXPECT_EQ(synth.info().emitted, 10U);
}
