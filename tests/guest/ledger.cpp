// SPDX-License-Identifier: MIT
//
// Guarantee 2. produced = received + in flight + lost[reason], exactly, per CPU; what a transport
// can not know reads "unavailable", never 0.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>

#include <cstring>

#include "common/free_memory.hpp"
#include "support/device.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::LostReason;

class Ledger : public OverTransport {
  protected:
    static statchan::StreamLedgerEntry total(const statchan::Stream& stream) {
        const auto ledger = stream.ledger();
        EXPECT_OK(ledger);
        return ledger ? ledger->total() : statchan::StreamLedgerEntry{};
    }
};
OVER_TRANSPORTS_WITH(Ledger, statchan::Capability::samples);

TEST_P(Ledger, CountsWhatArrived) {
    Synth synth{"size=64 cpus=2"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(500);
    ASSERT_TRUE(reader.records(1000));
    expect_books_close(*stream);
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    ASSERT_EQ(ledger->cpus.size(), client.version()->nr_cpus);
    for (const unsigned cpu : {0U, 1U}) {
        const auto& entry = ledger->cpus.at(cpu);
        EXPECT_EQ(entry.cpu, cpu);
        EXPECT_EQ(entry.produced, 500U);
        EXPECT_EQ(entry.accepted, 500U);
        EXPECT_EQ(entry.filtered, 0U);
        EXPECT_EQ(entry.truncated, 0U);
        EXPECT_EQ(entry.bytes, 500U * (48 + 64));
        EXPECT_EQ(entry.received, 500U);
        EXPECT_EQ(entry.gaps, 0U);
    }
    EXPECT_FALSE(ledger->end_of_stream);
}

// Twice as fast as anyone reads: two CPUs without pause into a small buffer.
TEST_P(Ledger, ClosesUnderOverload) {
    Synth synth{"size=200 cpus=2 mode=back-to-back context=softirq count=30000"};
    auto stream = client.subscribe(synth.name(),
                                   {.buffer_size = 16384, .subbufs = 2, .receive_buffer = 32768});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.set("run=1");
    const auto offered = [&] { return synth.info().emitted; };
    EXPECT_TRUE(reader.until([&] { return offered() >= 60'000; }));
    synth.set("run=0");
    ASSERT_EQ(offered(), 60'000U);
    ASSERT_TRUE(settle(reader, synth));
    EXPECT_EQ(reader.accounted(), offered());
    EXPECT_EQ(total(*stream).produced, offered());
    EXPECT_GT(reader.lost(), 0U) << "no overload: the test shows nothing";
    expect_books_close(*stream);
}

TEST_P(Ledger, CountsReasonsLikeTheGaps) {
    Synth synth{"size=64"};
    auto stream =
        client.subscribe(synth.name(), {.buffer_size = 4096, .subbufs = 2, .receive_buffer = 4096});
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(3000);
    ASSERT_TRUE(settle(reader, synth));
    const auto sum = total(*stream);
    std::array<std::uint64_t, statchan::lost_reasons> told{};
    std::uint64_t unreported = 0;
    for (const auto& gap : reader.gaps()) {
        if (gap.reason == LostReason::unreported) {
            unreported += gap.count;
            continue;
        }
        ASSERT_LT(static_cast<std::size_t>(gap.reason), told.size());
        told.at(static_cast<std::size_t>(gap.reason)) += gap.count;
    }
    EXPECT_EQ(sum.gaps, reader.gaps().size());
    EXPECT_EQ(sum.unreported, unreported);
    EXPECT_EQ(sum.gap_records, told);
    for (std::size_t reason = 0; reason < told.size(); ++reason) {
        const auto kernel = sum.lost.at(reason);
        SCOPED_TRACE(to_string(static_cast<LostReason>(reason)));
        if (!kernel) continue;
        // A socket may lose the message that told of a loss.
        EXPECT_LE(told.at(reason), *kernel);
        if (!is_netlink()) {
            EXPECT_EQ(told.at(reason), *kernel);
        }
    }
}

TEST_P(Ledger, CountsTruncatedRecords) {
    Synth synth{"size=100"};
    auto stream = client.subscribe(synth.name(), {.snaplen = 99});
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(40);
    ASSERT_TRUE(reader.records(40));
    synth.emit(10, "size=99");
    ASSERT_TRUE(reader.records(50));
    EXPECT_EQ(total(*stream).truncated, 40U);
}

TEST_P(Ledger, CountsWhatTheChannelLeftOut) {
    Synth synth{"size=8"};
    auto all = client.subscribe(synth.name(), {.rate = 1});
    ASSERT_OK(all);
    auto other = open_client(transport());
    auto fifth = other.subscribe(synth.name(), {.rate = 5});
    ASSERT_OK(fifth);
    Reader reader{*fifth, 5};
    Reader whole{*all};
    synth.emit(1000);
    ASSERT_TRUE(reader.records(200));
    ASSERT_TRUE(whole.records(1000));
    const auto sum = total(*fifth);
    EXPECT_EQ(sum.produced, 1000U);
    EXPECT_EQ(sum.accepted, 200U);
    EXPECT_EQ(sum.filtered, 800U);
    expect_books_close(*fifth);
    expect_books_close(*all);
}

TEST_P(Ledger, CanBeReadByAnyone) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(77);
    ASSERT_TRUE(reader.records(77));
    for (const auto& other : all_transports()) {
        SCOPED_TRACE("asked over " + other);
        const auto entries = open_client(other).ledger(stream->channel());
        ASSERT_OK(entries);
        ASSERT_FALSE(entries->empty());
        EXPECT_EQ(entries->front().produced, 77U);
        EXPECT_EQ(entries->front().accepted, 77U);
        EXPECT_TRUE(entries->front().adds_up());
    }
}

TEST_P(Ledger, IsAnErrorForNoChannel) {
    const auto entries = client.ledger(4'000'000);
    ASSERT_FALSE(entries.has_value());
    EXPECT_NE(entries.error().message().find("4000000"), std::string::npos)
        << entries.error().message();
}

TEST_P(Ledger, IsThereAfterTheEndOfTheStream) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(50);
    synth.remove();
    ASSERT_TRUE(reader.to_the_end());
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_TRUE(ledger->end_of_stream);
    EXPECT_EQ(ledger->total().received, 50U);
    expect_books_close(*stream);
}

// Who does not know says so. The kernel knows what ioctl and read copied; it can not know what a
// program read in mapped memory, nor what a socket lost.
TEST_P(Ledger, SaysUnavailableInsteadOfZero) {
    Synth synth{"size=8"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(20);
    ASSERT_TRUE(reader.records(20));
    const auto entries = client.ledger(stream->channel());
    ASSERT_OK(entries);
    const auto& entry = entries->front();
    const auto overrun = entry.lost.at(static_cast<std::size_t>(LostReason::socket_overrun));
    if (transport() == "ioctl" || transport() == "read") {
        EXPECT_EQ(entry.consumed, 20U);
    } else {
        EXPECT_EQ(entry.consumed, std::nullopt);
    }
    if (is_netlink()) {
        EXPECT_EQ(overrun, std::nullopt);
    } else {
        EXPECT_EQ(overrun, 0U);
    }
}

// Who shares a channel, or has one of its own, of a rate that its source had once and has no more:
// what it takes is what the kernel says, not a quotient of two moments.
TEST_P(Ledger, ClosesAfterTheRateOfTheSourceChanged) {
    Synth synth{"size=64"};
    auto first = client.subscribe(synth.name(), {.rate = 10, .timeout = 5ms});
    ASSERT_OK(first);
    synth.set("rate=5");
    auto second = client.subscribe(synth.name(), {.rate = 10, .timeout = 5ms});
    ASSERT_OK(second);
    Reader reader{*second, is_netlink() ? 1U : 2U};  // a share of the first, or one's own
    synth.emit(1000);
    synth.remove();
    ASSERT_TRUE(reader.to_the_end());
    EXPECT_GE(reader.received(), 20U);
    expect_books_close(*second);
    EXPECT_EQ(total(*second).out_of_order, 0U);
    EXPECT_EQ(total(*second).gaps_unexplained, 0U);
}

// A channel of snapshots has no records, so it has no rings, whatever size is asked for; its ledger
// is one of zeroes, for who has it as for anybody who sees it in the list.
TEST(LedgerOfNoRecords, IsEmptyWhoeverAsks) {
    struct Case {
        std::uint32_t transport;
        std::uint32_t kind;
    };
    constexpr Case cases[] = {{STATCHAN_T_IOCTL, STATCHAN_CHANNEL_SNAPSHOT},
                              {STATCHAN_T_READ, STATCHAN_CHANNEL_SNAPSHOT},
                              {STATCHAN_T_MMAP, STATCHAN_CHANNEL_SNAPSHOT},
                              {STATCHAN_T_MMAP, STATCHAN_CHANNEL_LIVE}};
    const Synth synth{"size=64"};
    for (const auto& [transport, kind] : cases) {
        SCOPED_TRACE(std::to_string(transport) + ", kind " + std::to_string(kind));
        const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
        statchan_channel_req channel{};
        channel.size = sizeof channel;
        channel.source = synth.info().id;
        channel.transport = transport;
        channel.kind = kind;
        channel.want.buffer_size = 64U << 20;
        const auto before = free_memory();
        ASSERT_EQ(::ioctl(device.get(), STATCHAN_IOC_CHANNEL_OPEN, &channel), 0)
            << std::strerror(errno);
        EXPECT_LT(before, free_memory() + 16 * 1024) << "KiB";
        statchan_ledger room[64]{};
        statchan_ledger_req ledger{};
        ledger.size = sizeof ledger;
        ledger.count = 64;
        ledger.buf = reinterpret_cast<std::uintptr_t>(room);
        ASSERT_EQ(::ioctl(device.get(), STATCHAN_IOC_LEDGER, &ledger), 0) << std::strerror(errno);
        EXPECT_EQ(room[0].accepted, 0U);
        EXPECT_EQ(room[0].consumed, STATCHAN_UNAVAILABLE);
        for (const auto* front : {"ioctl", "netlink"}) {
            auto other = open_client(front);
            EXPECT_OK(other.ledger(channel.id));
        }
    }
}
