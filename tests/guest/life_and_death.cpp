// SPDX-License-Identifier: MIT
//
// Guarantee 8 where it is hard: consumers killed at any moment, sources that go under load. What a
// consumer held goes with it; a stream ends after what was accepted. The table of what happens when
// is in docs/architecture.md. (That nothing at all remains is checked after every test, see
// support/kernel.hpp.)
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <list>
#include <random>
#include <string>

#include "support/kernel.hpp"
#include "support/memory.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

/// A child that opens, reads and closes, again and again, until it is killed.
class Consumer {
  public:
    Consumer(const std::string& transport, const std::string& source) {
        EXPECT_EQ(::pipe(reads_), 0);
        child_ = ::fork();
        if (child_ == 0) consume(transport, source);
        ::close(reads_[1]);
    }
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;
    ~Consumer() {
        ::kill(child_, SIGKILL);
        int status = 0;
        ::waitpid(child_, &status, 0);
        EXPECT_TRUE(WIFSIGNALED(status)) << "exit status " << WEXITSTATUS(status);
        ::close(reads_[0]);
    }
    /// Waits for its first record.
    void expect_reading() const {
        char byte = 0;
        EXPECT_EQ(::read(reads_[0], &byte, 1), 1) << "the child never got a record";
    }

  private:
    [[noreturn]] void consume(const std::string& transport, const std::string& source) const {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (bool told = false;;) {
            auto client = statchan::Client::open({.transport = transport});
            if (!client) std::_Exit(1);
            auto stream = client->subscribe(source, {.buffer_size = 32768});
            if (!stream) std::_Exit(2);
            for (int batches = 0; batches < 20; ++batches) {
                const auto batch = stream->next(1s);
                if (!batch) std::_Exit(3);
                if (!batch->empty() && !told) told = ::write(reads_[1], "", 1) == 1;
            }
        }
    }
    int reads_[2] = {-1, -1};
    pid_t child_ = -1;
};

// A birth and a death take half a second where every access is looked at.
int deaths_in_a_round() {
    const char* given = std::getenv("STATCHAN_DEATHS");
    return given == nullptr ? 50 : std::stoi(given);
}

}  // namespace

class LifeAndDeath : public OverTransport {
  protected:
    void expect_nobody_on(const Synth& synth) {
        EXPECT_TRUE(eventually([&] { return client.channels()->empty(); }));
        EXPECT_EQ(synth.info().channels, 0U);
        EXPECT_TRUE(relay_folders().empty());
        EXPECT_TRUE(kernel_areas().empty());
        EXPECT_EQ(module_users("statchan_synth"), 0);
    }
};
OVER_TRANSPORTS_WITH(LifeAndDeath, statchan::Capability::samples);

// In the middle of opening, reading, closing: half of them at a random moment after the birth, half
// after the first record.
TEST_P(LifeAndDeath, KilledAtAnyMomentLeavesNothing) {
    constexpr std::size_t few_rounds = 4;
    constexpr std::size_t many_rounds = 12;
    const int deaths = deaths_in_a_round();
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    Synth synth{"size=64 cpus=2 context=softirq pps=50000 run=1"};
    const auto users = module_users("statchan");
    const auto sockets = netlink_sockets();
    // Not by an object for every fourth: some die before they have opened anything. The first round
    // gives caches their size.
    std::vector<KernelMemory> memory;
    const auto growth = [&] { return steady_growth(memory, std::max(deaths / 4, 2)); };
    // The slabs that a CPU allocates from count as used up, so a cache may seem to grow for a few
    // rounds. What is left behind by every death grows for ever.
    const auto in_doubt = [&] { return memory.size() < many_rounds && !growth().empty(); };
    while ((memory.size() < few_rounds || in_doubt()) && !HasFailure()) {
        for (int death = 0; death < deaths && !HasFailure(); ++death) {
            const Consumer consumer{transport(), synth.name()};
            if (death % 2 != 0) consumer.expect_reading();
            std::this_thread::sleep_for(std::chrono::microseconds{random() % 3000});
        }
        expect_nobody_on(synth);
        memory.push_back(kernel_memory());
    }
    EXPECT_EQ(module_users("statchan"), users);
    EXPECT_EQ(netlink_sockets(), sockets);
    EXPECT_EQ(growth(), "");
}

// Several on the same source at the same time: on netlink they share one channel.
TEST_P(LifeAndDeath, KilledTogetherTheyLeaveTheLivingAlone) {
    Synth synth{"size=64 cpus=2 context=hardirq pps=50000 run=1"};
    auto stream = client.subscribe(synth.name(), {.buffer_size = 65536});
    ASSERT_OK(stream);
    Reader reader{*stream};
    const int rounds = (deaths_in_a_round() + 9) / 10;
    for (int round = 0; round < rounds; ++round) {
        std::list<Consumer> consumers;
        for (int i = 0; i < 4; ++i) consumers.emplace_back(transport(), synth.name());
        for (const auto& consumer : consumers) consumer.expect_reading();
        consumers.clear();
        EXPECT_TRUE(reader.records(reader.accounted() + 100));
    }
    EXPECT_TRUE(eventually([&] { return client.channels()->size() == 1; }));
    synth.set("run=0");
    EXPECT_TRUE(settle(reader, synth));
    expect_books_close(*stream);
}

// The readers are far behind, and what they lose is told before the end.
TEST_P(LifeAndDeath, SourceThatGoesUnderLoadEndsAllStreams) {
    for (const auto* context : {"process", "softirq", "hardirq"}) {
        SCOPED_TRACE(context);
        Synth synth{"size=200 cpus=2 mode=back-to-back context=" + std::string{context}};
        std::list<statchan::Stream> streams;
        std::list<Reader> readers;
        for (const unsigned snaplen : {64U, 100U, 200U}) {
            auto stream = client.subscribe(
                synth.name(),
                {.snaplen = snaplen, .buffer_size = 16384, .subbufs = 2, .receive_buffer = 32768});
            ASSERT_OK(stream);
            streams.push_back(std::move(*stream));
            readers.emplace_back(streams.back());
            readers.back().expect_from(0);
        }
        synth.set("run=1");
        EXPECT_TRUE(eventually([&] { return synth.info().emitted > 10'000; }));
        synth.remove();
        for (auto& reader : readers) {
            EXPECT_TRUE(reader.to_the_end());
            EXPECT_GT(reader.lost(), 0U);
        }
        for (const auto& stream : streams) expect_books_close(stream);
    }
}
