// SPDX-License-Identifier: MIT
//
// Overload: a producer faster than its consumer, a consumer that is stopped, the smallest buffers
// and the largest records. The books are exact, memory is bounded, the producer does not notice.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

#include "common/free_memory.hpp"
#include "support/losses.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::LostReason;

namespace {

constexpr std::uint32_t largest = 32768;  // STATCHAN_SNAPLEN_MAX

constexpr statchan::ChannelConfig small{.buffer_size = 4096, .subbufs = 2, .receive_buffer = 32768};

}  // namespace

class Overload : public OverTransport {};
OVER_TRANSPORTS_WITH(Overload, statchan::Capability::samples);

// A process that is stopped and goes on: what it missed is told, and all adds up.
TEST_P(Overload, StoppedConsumerGoesOn) {
    Synth synth{"size=64 cpus=2 context=softirq"};
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        auto own = open_client(transport());
        auto stream = own.subscribe(synth.name(), small);
        if (!stream || ::write(told[1], "s", 1) != 1) ::_exit(1);
        Reader reader{*stream};
        reader.expect_from(0);
        const bool ended = reader.to_the_end();
        const auto ledger = stream->ledger();
        const bool fine = ended && ledger && ledger->closes() && reader.lost() > 0 &&
                          reader.accounted() == 8200 && !testing::Test::HasFailure();
        ::_exit(fine ? 0 : 2);
    }
    ASSERT_GT(child, 0);
    ::close(told[1]);  // a child that fails is the end of what is read
    char byte = 0;
    ASSERT_EQ(::read(told[0], &byte, 1), 1);
    synth.emit(100);
    ::kill(child, SIGSTOP);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
    ASSERT_TRUE(WIFSTOPPED(status));
    synth.emit(3900);
    ::kill(child, SIGCONT);
    synth.emit(100);
    synth.remove();
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "exit status " << WEXITSTATUS(status);
    ::close(told[0]);
}

TEST_P(Overload, SmallestBufferKeepsExactBooks) {
    Synth synth{"size=64 cpus=2 mode=back-to-back context=softirq count=20000"};
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.set("run=1");
    EXPECT_TRUE(reader.until([&] { return synth.info().emitted >= 40'000; }));
    synth.remove();
    ASSERT_TRUE(reader.to_the_end());
    EXPECT_GT(reader.lost(), 0U);
    EXPECT_EQ(reader.accounted(), 40'000U);
    expect_books_close(*stream);
    report_losses(transport(), "overload, smallest buffer", 40'000 - reader.received(),
                  reader.lost());
}

// One buffer too small for its largest record is refused, with the size that is enough; that one
// works, and is full of books that close.
TEST_P(Overload, LargestRecordsInTheSmallestBufferForThem) {
    Synth synth{"size=" + std::to_string(largest)};
    statchan::ChannelConfig config{.snaplen = largest, .buffer_size = 4096, .subbufs = 2};
    auto stream = client.subscribe(synth.name(), config);
    if (!stream) {
        EXPECT_TRUE(stream.error().is(std::errc::invalid_argument)) << stream.error().message();
        EXPECT_NE(stream.error().message().find(std::to_string(largest)), std::string::npos)
            << stream.error().message();
        config.buffer_size = transport() == "relay" ? 2 * 36864 : 65536;
        stream = client.subscribe(synth.name(), config);
    }
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(1);
    ASSERT_TRUE(reader.records(1));
    EXPECT_EQ(reader.received(), 1U);
    synth.emit(50);  // more than it holds
    ASSERT_OK(stream->stop());
    ASSERT_TRUE(reader.to_the_end());
    EXPECT_GT(reader.received(), 1U);
    EXPECT_EQ(reader.accounted(), 51U);
    expect_books_close(*stream);
    report_losses(transport(), "records of 32 KiB", 51 - reader.received(), reader.lost());
}

TEST_P(Overload, OneByteMoreIsRefusedOrCut) {
    Synth synth{"size=" + std::to_string(largest)};
    const auto refused = client.subscribe(synth.name(), {.snaplen = largest + 1});
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message().find("at most 32768"), std::string::npos)
        << refused.error().message();
    auto stream = client.subscribe(synth.name(), {.snaplen = largest - 1});
    ASSERT_OK(stream);
    synth.emit(1);
    const auto batch = stream->next(patience);
    ASSERT_OK(batch);
    ASSERT_EQ(batch->sample_count(), 1U);
    const auto sample = *batch->samples().begin();
    EXPECT_TRUE(sample.truncated());
    EXPECT_EQ(sample.payload().size(), largest - 1);
    EXPECT_EQ(sample.orig_len(), largest);
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->total().truncated, 1U);
}

// 100 MB are offered to a reader that never reads: what the kernel holds for it is its buffer.
TEST_P(Overload, MemoryIsBounded) {
    Synth synth{"size=1000 cpus=2 context=softirq"};
    auto stream = client.subscribe(
        synth.name(), {.snaplen = 1000, .buffer_size = 256U << 10, .receive_buffer = 256U << 10});
    ASSERT_OK(stream);
    synth.emit(500);
    const auto before = lab::free_memory();
    for (int part = 0; part < 10; ++part) synth.emit(5'000);
    const auto after = lab::free_memory();
    EXPECT_LT(before, after + 8 * 1024) << "KiB free before and after";
    ASSERT_OK(stream->stop());
    Reader reader{*stream};
    reader.expect_from(0);
    ASSERT_TRUE(reader.to_the_end());
    EXPECT_EQ(reader.accounted(), 101'000U);
    expect_books_close(*stream);
}

// Nobody reads, or somebody reads all the time: the producer's cost with the first is at most 1.2
// times that with the second. (It is less: what is lost need not be copied.) The smallest of many
// is what it costs, the rest is what else the machine does; on a busy one it takes more to find it.
TEST_P(Overload, ProducerDoesNotNotice) {
    Synth synth{"size=64 context=softirq"};
    const auto cost = [&] {
        const auto start = Clock::now();
        synth.emit(10'000);
        return std::chrono::duration<double>(Clock::now() - start).count();
    };
    double live = 1e9;
    double stopped = 1e9;
    for (int round = 0; round < 9 || (round < 100 && stopped > 1.2 * live); ++round) {
        auto stream = client.subscribe(synth.name(), {.buffer_size = 65536});
        ASSERT_OK(stream);
        std::atomic<bool> enough = false;
        std::thread consumer{[&] {
            while (!enough) EXPECT_OK(stream->next(10ms));
        }};
        live = std::min(live, cost());
        enough = true;
        consumer.join();
        stopped = std::min(stopped, cost());
    }
    std::printf("%s: producer's cost with a stopped consumer is %.2f times that with a live one\n",
                transport().c_str(), stopped / live);
    EXPECT_LE(stopped, 1.2 * live);
}
