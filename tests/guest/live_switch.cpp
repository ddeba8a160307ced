// SPDX-License-Identifier: MIT
//
// Live switch: a stream changes its transport while it runs; no record is lost by it, none comes
// twice, and the ledger spans both.
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "support/losses.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

// No more than so many descriptors can be opened while this lives.
class Descriptors {
  public:
    explicit Descriptors(unsigned more) {
        const int next = ::dup(0);
        ::close(next);
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        auto limit = before_;
        limit.rlim_cur = static_cast<rlim_t>(next) + more;
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    Descriptors(const Descriptors&) = delete;
    Descriptors& operator=(const Descriptors&) = delete;
    ~Descriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

  private:
    rlimit before_{};
};

}  // namespace

class LiveSwitch : public OverTransport {
  protected:
    [[nodiscard]] std::vector<std::string> others() const {
        auto names = transports_with(statchan::Capability::samples);
        std::erase(names, transport());
        return names;
    }
    /// To every other transport and back.
    void round_trips(statchan::Stream& stream, const std::function<void()>& before) {
        for (const auto& other : others()) {
            for (const auto& name : {other, transport()}) {
                SCOPED_TRACE("to " + name);
                before();
                const auto old_channel = stream.channel();
                ASSERT_OK(client.switch_transport(stream, name));
                EXPECT_EQ(client.transport(), name);
                EXPECT_EQ(stream.transport(), name);
                EXPECT_NE(stream.channel(), old_channel);
            }
        }
    }
};
OVER_TRANSPORTS_WITH(LiveSwitch, statchan::Capability::samples);

// Two CPUs without pause, to every other transport and back, again and again.
TEST_P(LiveSwitch, LosesNothingAndRepeatsNothing) {
    Synth synth{"size=64 cpus=2 context=softirq"};
    constexpr std::uint64_t buffer = 8U << 20;
    auto stream =
        client.subscribe(synth.name(), {.buffer_size = buffer, .receive_buffer = 64U << 20});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    // Once while nothing comes: then a tenth of the records that a buffer takes in during the
    // slowest of them, since the machine may be slower by then.
    Clock::duration slowest{1ms};
    auto last = Clock::now();
    round_trips(*stream, [&] {
        slowest = std::max(slowest, Clock::now() - last);
        reader.drain();
        last = Clock::now();
    });
    const auto fits =
        static_cast<double>(buffer / 112) / std::chrono::duration<double>{slowest}.count();
    synth.set("pps=" + std::to_string(std::clamp(static_cast<int>(fits / 10), 100, 5'000)) +
              " run=1");
    round_trips(*stream, [&] { ASSERT_TRUE(reader.records(reader.accounted() + 50)); });
    const auto before = reader.accounted();
    ASSERT_TRUE(reader.records(before + 50));
    synth.set("run=0");
    const auto emitted = synth.info().emitted;
    ASSERT_TRUE(reader.records(emitted, 200s)) << "hundreds of thousands may be waiting";
    EXPECT_EQ(reader.lost(), 0U);
    EXPECT_EQ(reader.received(), emitted);
    expect_books_close(*stream);
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->total().produced, emitted);
    EXPECT_EQ(ledger->total().received, emitted);
}

// What the old channel lost is told, where it was lost, before the new one's records.
TEST_P(LiveSwitch, KeepsTheLossesOfTheOldChannel) {
    Synth synth{"size=64 cpus=2"};
    for (const auto& other : others()) {
        SCOPED_TRACE("to " + other);
        auto start = open_client(transport());
        auto stream = start.subscribe(
            synth.name(), {.buffer_size = 16384, .subbufs = 2, .receive_buffer = 32768});
        ASSERT_OK(stream);
        const auto emitted = synth.info().emitted;
        synth.emit(1000);  // more than it holds
        const auto switched = start.switch_transport(*stream, other);
        ASSERT_OK(switched);
        synth.emit(10);
        Reader reader{*stream};
        ASSERT_TRUE(reader.records(2020));
        EXPECT_GT(reader.lost(), 0U);
        EXPECT_EQ(reader.accounted(), synth.info().emitted - emitted);
        report_losses(transport(), "full buffer, switched to " + other, 2020 - reader.received(),
                      reader.lost());
        expect_books_close(*stream);
    }
}

// Idle: the first record after the switch comes over the new transport.
TEST_P(LiveSwitch, NeedsNoRecords) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    for (const auto& other : others()) ASSERT_OK(client.switch_transport(*stream, other));
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(5);
    ASSERT_TRUE(reader.records(5));
    EXPECT_EQ(reader.received(), 5U);
    expect_books_close(*stream);
    // The old channels are gone: one remains.
    const auto channels = client.channels();
    ASSERT_OK(channels);
    EXPECT_EQ(channels->size(), 1U);
}

// One descriptor to wait for, whatever the transport.
TEST_P(LiveSwitch, DescriptorStays) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    ASSERT_OK(client.switch_transport(*stream, others().front()));
    const int fd = stream->fd();
    ASSERT_OK(client.switch_transport(*stream, transport()));
    EXPECT_EQ(stream->fd(), fd);
    Reader reader{*stream};
    reader.drain();
    synth.emit(100);
    pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&p, 1, 20'000), 1);
    ASSERT_TRUE(reader.records(100));
}

// It fails as a whole: the stream goes on as it was.
TEST_P(LiveSwitch, FailsWithoutHarm) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(10);
    const auto nowhere = client.switch_transport(*stream, "pigeon");
    ASSERT_FALSE(nowhere.has_value());
    EXPECT_EQ(nowhere.error(), statchan::errc::unknown_transport);
    EXPECT_EQ(client.transport(), transport());
    EXPECT_EQ(stream->transport(), transport());
    synth.emit(10);
    ASSERT_TRUE(reader.records(20));
    EXPECT_EQ(reader.received(), 20U);
    synth.remove();
    const auto late = client.switch_transport(*stream, others().front());
    ASSERT_FALSE(late.has_value());
    EXPECT_EQ(late.error(), statchan::errc::no_such_source) << late.error().message();
    ASSERT_TRUE(reader.to_the_end());
    expect_books_close(*stream);
}

// What fails after the new channel was opened leaves the old one as it is: here relay's files,
// which come last and find no descriptors.
class LiveSwitchFails : public OverTransport {};
std::vector<std::string> all_but_relay() {
    auto names = transports_with(statchan::Capability::samples);
    std::erase(names, "relay");
    return names;
}
INSTANTIATE_TEST_SUITE_P(, LiveSwitchFails, testing::ValuesIn(all_but_relay()), parameter_name);

TEST_P(LiveSwitchFails, IsNoLoss) {
    Synth synth{"size=64 cpus=2"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(10);
    {
        const Descriptors few{3};  // two devices, a folder
        const auto switched = client.switch_transport(*stream, "relay");
        ASSERT_FALSE(switched.has_value());
        EXPECT_TRUE(switched.error().is(std::errc::too_many_files_open))
            << switched.error().message();
    }
    EXPECT_EQ(stream->transport(), transport());
    synth.emit(10);
    ASSERT_TRUE(reader.records(40));
    EXPECT_EQ(reader.received(), 40U);
    expect_books_close(*stream);
}

// Others read the same messages: to end their channel is not for one of them.
TEST(LiveSwitchShared, IsRefused) {
    Synth synth{"size=64"};
    auto client = open_client("netlink");
    auto other = open_client("netlink-nl");
    auto mine = client.subscribe(synth.name());
    auto theirs = other.subscribe(synth.name());
    ASSERT_OK(mine);
    ASSERT_OK(theirs);
    ASSERT_EQ(mine->channel(), theirs->channel());
    const auto switched = client.switch_transport(*mine, "mmap");
    ASSERT_FALSE(switched.has_value());
    EXPECT_TRUE(switched.error().is(std::errc::device_or_resource_busy));
    const auto stopped = mine->stop();
    ASSERT_FALSE(stopped.has_value());
    EXPECT_NE(stopped.error().message().find("share"), std::string::npos)
        << stopped.error().message();
    Reader a{*mine};
    Reader b{*theirs};
    synth.emit(30);
    EXPECT_TRUE(a.records(30));
    EXPECT_TRUE(b.records(30));
}
