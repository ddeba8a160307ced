// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "netlink/stream.hpp"
#include "stream_run.hpp"
#include "support/fake_socket.hpp"
#include "support/ok.hpp"
#include "support/records.hpp"

namespace {

using namespace statchan;
using namespace statchan::detail;
using namespace std::chrono_literals;
using test::FakeKernel;
using test::Records;

constexpr std::uint32_t my_channel = 4;

class NetlinkStreamTest : public testing::Test {
  protected:
    NetlinkStreamTest() {
        test::fake_kernel = &kernel;
        kernel.on_request = [this](FakeKernel& k, const nlmsghdr&, const Attrs&, std::uint8_t cmd) {
            EXPECT_EQ(cmd, STATCHAN_CMD_LEDGER_GET);
            ++questions;
            for (std::uint32_t cpu = 0; cpu < 2; ++cpu) answer_ledger(k, cpu);
            k.verdict(ledger_error, ledger_error != 0 ? "not now" : "");
        };
        begin();
    }

    // Another stream, of a channel that takes every so manieth record.
    void begin(std::uint64_t step = 1, bool ended = false) {
        Positions positions{2};
        positions.joined_at(0, joined_at);
        positions.joined_at(1, 5, 7);  // others had it before, and 2 were lost
        auto link = Link::open(test::make_fake_socket, {}, {});
        auto asking = Link::open(test::make_fake_socket, {}, {});
        StreamIdentity identity{
            .transport = "netlink", .source = "sw0", .channel = my_channel, .nr_cpus = 2};
        identity.effective.rate = 1;
        identity.effective.batch_bytes = 65536;
        identity.step = step;
        auto made = NetlinkStream::make(std::move(identity), std::move(*link), std::move(*asking),
                                        positions, ended);
        ASSERT_OK(made);
        stream.emplace(std::make_unique<StreamRun>(std::move(*made)));
    }

    void answer_ledger(FakeKernel& k, std::uint32_t cpu) const {
        statchan_ledger ledger{};
        ledger.cpu = cpu;
        ledger.produced = ledger.accepted = accepted[cpu];
        ledger.first_seq = first_seq[cpu];
        ledger.next_seq = next_seq[cpu];
        std::string bytes(reinterpret_cast<const char*>(&ledger), sizeof ledger);
        Request r{33, STATCHAN_CMD_LEDGER_GET, 0, 1};
        r.put_text(STATCHAN_A_LEDGER, bytes).put_u32(STATCHAN_A_FLAGS, eos ? STATCHAN_CHAN_EOS : 0);
        k.message(std::move(r));
    }

    void samples(std::uint32_t cpu, std::uint64_t position, std::uint32_t count, Records records,
                 std::uint32_t channel = my_channel) {
        Request r{33, STATCHAN_CMD_SAMPLES, 0, 1};
        r.put_u32(STATCHAN_A_CHANNEL, channel)
            .put_u32(STATCHAN_A_CPU, cpu)
            .put_u64(STATCHAN_A_POSITION, position)
            .put_u32(STATCHAN_A_COUNT, count);
        // An empty attribute aligns the records, as the kernel does it.
        r.end_nest(r.begin_nest(STATCHAN_A_PAD));
        const auto bytes = records.bytes();
        const auto nest = r.begin_nest(STATCHAN_A_DATA);
        while ((r.finish(0).size()) % 8 != 0) FAIL() << "records would not be aligned";
        for (std::size_t at = 0; at < bytes.size(); at += 4) put_raw(r, bytes.subspan(at, 4));
        r.end_nest(nest);
        kernel.message(std::move(r));
    }

    void end_of_stream() {
        Request r{33, STATCHAN_CMD_SAMPLES, 0, 1};
        r.put_u32(STATCHAN_A_CHANNEL, my_channel).put_u32(STATCHAN_A_FLAGS, STATCHAN_CHAN_EOS);
        kernel.message(std::move(r));
    }

    // "0 1 [0: 3 lost, seq 2..4, reason socket_overrun] 5 "
    [[nodiscard]] std::string next() {
        const auto batch = stream->next(0ns);
        if (!batch) return batch.error() == errc::end_of_stream ? "end" : batch.error().message();
        std::string seen;
        for (const auto& item : *batch) {
            if (const auto sample = item.sample()) seen += std::to_string(sample->seq()) + " ";
            if (const auto gap = item.gap()) seen += "[" + to_string(*gap) + "] ";
        }
        return seen;
    }

    // What comes within the time in which it looks for the end.
    [[nodiscard]] std::string soon() {
        std::string seen;
        for (int tries = 0; seen.empty() && tries < 400; ++tries) {
            std::this_thread::sleep_for(std::chrono::milliseconds{5});
            seen = next();
        }
        return seen;
    }

    // The stream's descriptor; a while for "yes", as a timer has to be served first.
    [[nodiscard]] bool readable(std::chrono::milliseconds within = 20s) const {
        pollfd p{.fd = stream->fd(), .events = POLLIN, .revents = 0};
        return ::poll(&p, 1, static_cast<int>(within.count())) == 1;
    }

    // As an event loop: next(0) once whenever the descriptor is readable, until something comes.
    [[nodiscard]] std::string next_by_event() {
        std::string seen;
        while (seen.empty()) {
            if (!readable()) return "silence";
            seen = next();
        }
        return seen;
    }

    static void put_raw(Request& r, std::span<const std::byte> four);

    static constexpr std::uint64_t joined_at = 0;
    FakeKernel kernel;
    std::uint64_t accepted[2] = {0, 0};
    std::uint64_t first_seq[2] = {0, 0};
    std::uint64_t next_seq[2] = {0, 0};
    bool eos = false;
    int ledger_error = 0;
    unsigned questions = 0;  // for the ledger
    std::optional<Stream> stream;
};

// Appends four bytes as they are: an attribute of 4 bytes whose head they become.
void NetlinkStreamTest::put_raw(Request& r, std::span<const std::byte> four) {
    const auto at = r.begin_nest(0);
    auto bytes = r.finish(0);
    std::copy(four.begin(), four.end(), bytes.begin() + static_cast<long>(at));
}

TEST_F(NetlinkStreamTest, HandsOutWhatComes) {
    samples(0, 0, 2, std::move(Records{}.sample(0, 10).sample(0, 11)));
    samples(1, 0, 1, std::move(Records{}.sample(1, 3)));
    EXPECT_EQ(next(), "10 11 3 ");
    EXPECT_EQ(next(), "");
}

TEST_F(NetlinkStreamTest, OverrunBecomesAGapInItsPlace) {
    samples(0, 0, 2, std::move(Records{}.sample(0, 0).sample(0, 1)));
    kernel.mishap(Received::overrun);
    samples(0, 5, 1, std::move(Records{}.sample(0, 5)));
    samples(0, 6, 1, std::move(Records{}.sample(0, 6)));
    EXPECT_EQ(next(), "0 1 [cpu 0: 3 records lost, seq 2..4, reason socket_overrun] 5 6 ");
    accepted[0] = 7;
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->cpus[0].in_flight(), 0U);
    EXPECT_EQ(ledger->cpus[0].gaps_unexplained, 0U);
    EXPECT_EQ(ledger->cpus[0].received, 4U);
}

TEST_F(NetlinkStreamTest, TruncationIsAGapToo) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    kernel.mishap(Received::truncated);
    samples(0, 2, 1, std::move(Records{}.sample(0, 2)));
    EXPECT_EQ(next(), "0 [cpu 0: 1 records lost, seq 1..1, reason socket_overrun] 2 ");
}

// The message that told of the kernel's own losses was lost, too.
TEST_F(NetlinkStreamTest, LostNoticeIsUnreported) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    kernel.mishap(Received::overrun);
    samples(0, 1, 1, std::move(Records{}.sample(0, 4)));
    EXPECT_EQ(next(), "0 [cpu 0: 3 records lost, seq 1..3, reason unreported] 4 ");
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->cpus[0].gaps_unexplained, 0U);
}

// A CPU of a shared channel that was silent since this reader joined.
TEST_F(NetlinkStreamTest, NothingIsMissingOfWhatOthersReceivedBefore) {
    accepted[1] = 5;
    next_seq[1] = 7;
    eos = true;
    end_of_stream();
    EXPECT_EQ(next(), "end");
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->cpus[1].unreported, 0U);
    EXPECT_EQ(ledger->cpus[1].in_flight(), 0U);
}

// All that happened on a CPU was a loss, and the kernel told it.
TEST_F(NetlinkStreamTest, ToldLossesAreNotUnreportedAtTheEnd) {
    samples(0, 0, 0, std::move(Records{}.lost(0, 3, 9, 7)));
    next_seq[0] = 10;
    eos = true;
    end_of_stream();
    EXPECT_EQ(next(), "[cpu 0: 7 records lost, seq 3..9, reason ring_full] ");
    EXPECT_EQ(next(), "end");
}

TEST_F(NetlinkStreamTest, JumpWithoutOverrunIsUnexplained) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    samples(0, 1, 1, std::move(Records{}.sample(0, 4)));
    EXPECT_EQ(next(), "0 4 ");
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->cpus[0].gaps_unexplained, 3U);
}

TEST_F(NetlinkStreamTest, KernelsLossBeforeTheSocketsIsNotCountedTwice) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    kernel.mishap(Received::overrun);
    samples(0, 3, 1, std::move(Records{}.lost(0, 3, 8, 6).sample(0, 9)));
    EXPECT_EQ(next(),
              "0 [cpu 0: 2 records lost, seq 1..2, reason socket_overrun] "
              "[cpu 0: 6 records lost, seq 3..8, reason ring_full] 9 ");
}

TEST_F(NetlinkStreamTest, EndTellsWhatWasLostAfterTheLastMessage) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    end_of_stream();
    accepted[0] = 3;
    eos = true;
    EXPECT_EQ(next(), "0 [cpu 0: 2 records lost, seq 1..2, reason socket_overrun] ");
    EXPECT_EQ(next(), "end");
    EXPECT_EQ(next(), "end");
}

// The last message of all was lost: the ledger tells that the channel has ended.
TEST_F(NetlinkStreamTest, FindsTheEndWhenItsMessageWasLost) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    kernel.mishap(Received::overrun);
    accepted[0] = 2;
    eos = true;
    EXPECT_EQ(next(), "0 ");
    EXPECT_EQ(next(), "");  // suspects
    EXPECT_EQ(next(), "");  // what the kernel's worker has still to send is not lost
    EXPECT_EQ(soon(), "[cpu 0: 1 records lost, seq 1..1, reason socket_overrun] ");
    EXPECT_EQ(next(), "end");
}

// The end is known to the kernel before its worker has sent all: what comes by then was not lost.
TEST_F(NetlinkStreamTest, WhatComesAfterTheEndIsSuspectedIsNotLost) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    kernel.mishap(Received::overrun);
    accepted[0] = 2;
    eos = true;
    EXPECT_EQ(next(), "0 ");
    EXPECT_EQ(next(), "");  // suspects
    samples(0, 1, 1, std::move(Records{}.sample(0, 1)));
    end_of_stream();
    EXPECT_EQ(next(), "1 ");
    EXPECT_EQ(next(), "end");
}

TEST_F(NetlinkStreamTest, OverrunWithoutEndGoesOn) {
    kernel.mishap(Received::overrun);
    EXPECT_EQ(next(), "");
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    EXPECT_EQ(next(), "0 ");
}

TEST_F(NetlinkStreamTest, OtherChannelsOfTheGroupAreNotOurs) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)), my_channel + 1);
    EXPECT_EQ(next(), "");
}

TEST_F(NetlinkStreamTest, LyingMessagesAreErrors) {
    samples(9, 0, 1, std::move(Records{}.sample(0, 0)));
    EXPECT_FAILS(stream->next(0ns), errc::bad_data);
    EXPECT_FAILS(stream->next(0ns), errc::bad_data);  // for good
}

TEST_F(NetlinkStreamTest, PositionThatWrapsIsAnError) {
    samples(0, ~std::uint64_t{0} - 1, 2, std::move(Records{}.sample(0, 0)));
    EXPECT_FAILS(stream->next(0ns), errc::bad_data);
}

TEST_F(NetlinkStreamTest, RecordsOfAnotherCpuAreAnError) {
    samples(1, 0, 1, std::move(Records{}.sample(0, 0)));
    EXPECT_FAILS(stream->next(0ns), errc::bad_data);
}

TEST_F(NetlinkStreamTest, GoodRecordsBeforeBadOnesAreDelivered) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    samples(0, 1, 1, std::move(Records{}.raw(9, 1, 0, 64)));
    EXPECT_EQ(next(), "0 ");
    EXPECT_TRUE(readable());
    EXPECT_FAILS(stream->next(0ns), errc::bad_data);
}

// ---- decimation ----

// The first record that was offered, 5, is not one that the channel takes.
TEST_F(NetlinkStreamTest, LossOfTheOnlyRecordOfADecimatedChannelIsToldOnce) {
    begin(4);
    accepted[0] = 1;
    first_seq[0] = 5;
    next_seq[0] = 9;
    eos = true;
    end_of_stream();
    EXPECT_EQ(next(), "[cpu 0: 1 records lost, seq 8..8, reason socket_overrun] ");
    EXPECT_EQ(next(), "end");
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->cpus[0].unreported, 0U);
    EXPECT_EQ(ledger->cpus[0].in_flight(), 0U);
}

// Nor is 7, the first that was offered after this reader had joined others.
TEST_F(NetlinkStreamTest, LossOfTheOnlyRecordSinceJoiningIsToldOnce) {
    begin(4);
    accepted[1] = 6;
    next_seq[1] = 9;
    eos = true;
    end_of_stream();
    EXPECT_EQ(next(), "[cpu 1: 1 records lost, seq 8..8, reason socket_overrun] ");
    EXPECT_EQ(next(), "end");
}

TEST_F(NetlinkStreamTest, NoticesThatGotLostAreOfRecordsThatTheChannelTakes) {
    begin(4);
    first_seq[0] = 5;
    next_seq[0] = 13;  // 8 and 12, which the kernel lost
    eos = true;
    end_of_stream();
    EXPECT_EQ(next(), "[cpu 0: 2 records lost, seq 8..12, reason unreported] ");
    EXPECT_EQ(next(), "end");
}

// ---- the descriptor ----

TEST_F(NetlinkStreamTest, IsReadableWhenSomethingCame) {
    EXPECT_FALSE(readable(0ms));
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    EXPECT_TRUE(readable(0ms));
    EXPECT_EQ(next(), "0 ");
    EXPECT_FALSE(readable(0ms));
    EXPECT_EQ(questions, 0U) << "while all is well there is nothing to ask";
}

TEST_F(NetlinkStreamTest, StaysReadableAtTheEnd) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    end_of_stream();
    eos = true;
    accepted[0] = next_seq[0] = 1;
    EXPECT_EQ(next_by_event(), "0 ") << "and with it the end";
    for (int round = 0; round < 3; ++round) EXPECT_EQ(next_by_event(), "end");
    EXPECT_TRUE(readable());
}

TEST_F(NetlinkStreamTest, EndWhoseMessageWasLostWakes) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    kernel.mishap(Received::overrun);
    accepted[0] = 2;
    eos = true;
    EXPECT_EQ(next_by_event(), "0 ");
    EXPECT_EQ(next_by_event(), "[cpu 0: 1 records lost, seq 1..1, reason socket_overrun] ");
    EXPECT_EQ(next_by_event(), "end");
    EXPECT_EQ(next_by_event(), "end");
}

TEST_F(NetlinkStreamTest, EndBeforeThisReaderJoinedWakes) {
    eos = true;
    begin(1, true);
    EXPECT_EQ(next_by_event(), "end");
}

TEST_F(NetlinkStreamTest, OverrunWithoutEndIsSilentAgain) {
    kernel.mishap(Received::overrun);
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    EXPECT_EQ(next_by_event(), "0 ");
    EXPECT_TRUE(readable()) << "the end may have been lost";
    EXPECT_EQ(next(), "");
    EXPECT_EQ(questions, 1U);
    EXPECT_FALSE(readable(300ms)) << "it was not";
}

// A reader who is called once for each time must not be called all the time.
TEST_F(NetlinkStreamTest, SuspectedEndIsNotLookedForAllTheTime) {
    kernel.mishap(Received::overrun);
    eos = true;
    EXPECT_EQ(next(), "");
    int wakeups = 0;
    for (; next() != "end"; ++wakeups) ASSERT_TRUE(readable());
    EXPECT_LE(wakeups, 3);
}

TEST_F(NetlinkStreamTest, ErrorAfterRecordsWaitsReadable) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    kernel.failure(ENOMEM);
    EXPECT_EQ(next(), "0 ");
    EXPECT_TRUE(readable());
    const auto failed = stream->next(0ns);
    EXPECT_FAILS(failed, std::make_error_code(std::errc::not_enough_memory));
    EXPECT_EQ(failed.error().doing, "read samples of 'sw0'");
}

// Nothing more has to come for it.
TEST_F(NetlinkStreamTest, ErrorAfterRecordsIsNotWaitedFor) {
    samples(0, 0, 1, std::move(Records{}.sample(0, 0)));
    samples(9, 0, 1, std::move(Records{}.sample(0, 0)));
    EXPECT_EQ(next(), "0 ");
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FAILS(stream->next(40s), errc::bad_data);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
}

// The end has been told, but not what was lost before it.
TEST_F(NetlinkStreamTest, EndThatCanNotBeReckonedStaysReadable) {
    end_of_stream();
    eos = true;
    ledger_error = ENOMEM;
    for (int round = 0; round < 2; ++round) {
        EXPECT_TRUE(readable());
        EXPECT_FAILS(stream->next(0ns), std::make_error_code(std::errc::not_enough_memory));
    }
    ledger_error = 0;
    EXPECT_EQ(next_by_event(), "end");
}

TEST_F(NetlinkStreamTest, MessagesThatDidNotFitAreCounted) {
    auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    ASSERT_EQ(ledger->socket_drops, 0U);
    kernel.mishap(Received::truncated);
    EXPECT_EQ(next(), "");
    ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->socket_drops, 1U);
}

TEST_F(NetlinkStreamTest, SocketThatCanNotBeWatchedIsNamed) {
    auto link = Link::open(test::make_fake_socket, {}, {});
    auto asking = Link::open(test::make_fake_socket, {}, {});
    kernel.ready = Fd{};
    const auto made = NetlinkStream::make(
        {.transport = "netlink", .source = "sw0", .channel = my_channel, .nr_cpus = 2},
        std::move(*link), std::move(*asking), Positions{2}, false);
    EXPECT_FAILS(made, std::make_error_code(std::errc::bad_file_descriptor));
    EXPECT_EQ(made.error().doing, "watch the netlink socket of 'sw0'");
}

}  // namespace
