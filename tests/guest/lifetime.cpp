// SPDX-License-Identifier: MIT
//
// Guarantee 8. What a consumer held goes with it, however it ends; a source that goes ends its
// streams after what was accepted. (That nothing at all remains is checked after every test, see
// support/kernel.hpp.)
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "support/kernel.hpp"
#include "support/process.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class Lifetime : public OverTransport {
  protected:
    [[nodiscard]] std::size_t channels() const { return client.channels().value().size(); }
};
OVER_TRANSPORTS_WITH(Lifetime, statchan::Capability::samples);

// kill -9 in the middle of reading, with a source that emits all the time.
TEST_P(Lifetime, KilledConsumerLeavesNothing) {
    Synth synth{"size=64 cpus=2 context=softirq mode=back-to-back"};
    synth.set("run=1");
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const auto child = ::fork();
    if (child == 0) {
        auto mine = open_client(transport());
        auto stream = mine.subscribe(synth.name(), {.buffer_size = 65536});
        if (!stream) std::_Exit(1);
        for (bool told = false;;) {
            const auto batch = stream->next(1s);
            if (batch && !batch->empty() && !told) told = ::write(ready[1], "", 1) == 1;
        }
    }
    ::close(ready[1]);
    char byte = 1;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "the child never got a record";
    ::close(ready[0]);
    EXPECT_EQ(channels(), 1U);
    EXPECT_EQ(synth.info().channels, 1U);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_TRUE(eventually([&] { return channels() == 0; }));
    EXPECT_EQ(synth.info().channels, 0U);
    EXPECT_TRUE(relay_folders().empty());
    synth.set("run=0");
}

TEST_P(Lifetime, SourceThatGoesEndsTheStreamAfterTheRecords) {
    Synth synth{"size=64 cpus=2"};
    auto stream =
        client.subscribe(synth.name(), {.watermark_records = 1000, .timeout = statchan::never});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(150);  // less than the watermark: nothing is announced yet
    synth.remove();
    EXPECT_TRUE(reader.to_the_end());
    EXPECT_EQ(reader.received(), 300U);
    EXPECT_EQ(reader.lost(), 0U);
    // From then on, at every call.
    for (const auto timeout : {0ns, 1'000'000ns}) {
        const auto again = stream->next(timeout);
        ASSERT_FALSE(again.has_value());
        EXPECT_TRUE(again.error() == statchan::errc::end_of_stream);
        EXPECT_NE(again.error().message().find(synth.name()), std::string::npos);
    }
}

TEST_P(Lifetime, SourceThatGoesWakesASleepingReader) {
    Synth synth;
    auto stream = client.subscribe(synth.name(), {.timeout = statchan::never});
    ASSERT_OK(stream);
    bool ended = false;
    std::thread sleeper{[&] {
        const auto batch = stream->next(-1ns);
        ended = !batch && batch.error() == statchan::errc::end_of_stream;
    }};
    synth.emit(0);  // something for the sleeper to fall asleep over; any order is legal
    synth.remove();
    sleeper.join();
    EXPECT_TRUE(ended);
}

TEST_P(Lifetime, SourceGoesWhileItEmits) {
    for (int i = 0; i < 5; ++i) {
        Synth synth{"size=64 cpus=2 context=hardirq mode=back-to-back"};
        auto stream = client.subscribe(synth.name(), {.buffer_size = 65536});
        ASSERT_OK(stream);
        Reader reader{*stream};
        reader.expect_from(0);
        synth.set("run=1");
        EXPECT_TRUE(reader.records(2000));
        synth.remove();
        EXPECT_TRUE(reader.to_the_end());
        expect_books_close(*stream);
    }
}

TEST_P(Lifetime, StreamOutlivesItsClient) {
    Synth synth{"size=64"};
    std::optional<statchan::Stream> stream;
    {
        auto short_lived = open_client(transport());
        auto made = short_lived.subscribe(synth.name());
        ASSERT_OK(made);
        stream.emplace(std::move(*made));
    }
    Reader reader{*stream};
    synth.emit(100);
    EXPECT_TRUE(reader.records(100));
    EXPECT_OK(stream->ledger());
}

TEST_P(Lifetime, ChannelsComeAndGoWhileTheSourceEmits) {
    Synth synth{"size=64 cpus=2 context=softirq mode=back-to-back"};
    synth.set("run=1");
    auto steady = client.subscribe(synth.name(), {.buffer_size = 65536});
    ASSERT_OK(steady);
    Reader reader{*steady};
    for (int i = 0; i < 10; ++i) {
        auto other = open_client(transport());
        auto passing = other.subscribe(synth.name(), {.snaplen = 64, .buffer_size = 16384});
        ASSERT_OK(passing);
        Reader glance{*passing};
        EXPECT_TRUE(glance.records(10));
        EXPECT_TRUE(reader.records(reader.accounted() + 10));
    }
    EXPECT_EQ(channels(), 1U);
    synth.set("run=0");
}

TEST_P(Lifetime, ManyChannelsOfOneProgram) {
    Synth synth{"size=16"};
    std::vector<statchan::Stream> streams;
    for (unsigned i = 0; i < 8; ++i) {
        auto stream = client.subscribe(synth.name(), {.snaplen = 8 + i, .buffer_size = 16384});
        ASSERT_OK(stream) << "number " << i;
        streams.push_back(std::move(*stream));
    }
    synth.emit(20);
    for (auto& stream : streams) {
        Reader reader{stream};
        EXPECT_TRUE(reader.records(20));
    }
    EXPECT_EQ(channels(), streams.size());
    streams.clear();
    EXPECT_TRUE(eventually([&] { return channels() == 0; }));
}

// rmmod must be refused, not wait, and work as soon as the last channel is closed.
TEST_P(Lifetime, ModuleOfTheSourceStaysWhileAChannelIsOpen) {
    Synth synth;
    {
        auto stream = client.subscribe(synth.name());
        ASSERT_OK(stream);
        EXPECT_GE(module_users("statchan_synth"), 1);
        const auto refused = run("rmmod statchan_synth");
        EXPECT_NE(refused.status, 0);
        EXPECT_NE(refused.err.find("in use"), std::string::npos) << refused.text();
        EXPECT_NE(run("rmmod statchan").status, 0);
    }
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
}
