// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

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
            for (std::uint32_t cpu = 0; cpu < 2; ++cpu) answer_ledger(k, cpu);
            k.verdict();
        };
        Positions positions{2};
        positions.joined_at(0, joined_at);
        positions.joined_at(1, 5, 7);  // others had it before, and 2 were lost
        auto link = Link::open(test::make_fake_socket, {}, {});
        auto asking = Link::open(test::make_fake_socket, {}, {});
        StreamIdentity identity{
            .transport = "netlink", .source = "sw0", .channel = my_channel, .nr_cpus = 2};
        identity.effective.rate = 1;
        identity.effective.batch_bytes = 65536;
        stream.emplace(std::make_unique<StreamRun>(std::make_unique<NetlinkStream>(
            std::move(identity), std::move(*link), std::move(*asking), positions, false)));
    }

    void answer_ledger(FakeKernel& k, std::uint32_t cpu) const {
        statchan_ledger ledger{};
        ledger.cpu = cpu;
        ledger.produced = ledger.accepted = accepted[cpu];
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

    static void put_raw(Request& r, std::span<const std::byte> four);

    static constexpr std::uint64_t joined_at = 0;
    FakeKernel kernel;
    std::uint64_t accepted[2] = {0, 0};
    std::uint64_t next_seq[2] = {0, 0};
    bool eos = false;
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
    EXPECT_FAILS(stream->next(0ns), errc::bad_data);
}

}  // namespace
