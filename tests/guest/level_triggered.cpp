// SPDX-License-Identifier: MIT
//
// Guarantee 6, for event loops: Stream::fd() is level triggered on every transport. An event loop
// that calls next(0) once whenever it is readable gets all records and learns of the end.
#include <poll.h>
#include <sys/epoll.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "support/device.hpp"
#include "support/losses.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

bool readable(int fd, std::chrono::milliseconds within = patience) {
    pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&p, 1, static_cast<int>(within.count())) == 1;
}

/// One stream and its reader, driven by what the descriptor says and by nothing else.
class EventLoop {
  public:
    explicit EventLoop(statchan::Stream& stream) : stream_{stream}, reader_{stream} {
        reader_.expect_from(0);
    }

    /// Whether it came so far before the descriptor fell silent.
    template <class Condition>
    [[nodiscard]] bool until(Condition&& enough) {
        const auto deadline = Clock::now() + 5 * patience;
        while (!std::forward<Condition>(enough)() && !testing::Test::HasFailure()) {
            if (!readable(stream_.fd())) {
                ADD_FAILURE() << "silent after " << reader_.accounted() << " records";
                return false;
            }
            if (Clock::now() >= deadline) {
                ADD_FAILURE() << "always readable, but nothing comes after " << reader_.accounted()
                              << " records";
                return false;
            }
            reader_.once(0ns);
        }
        return !testing::Test::HasFailure();
    }
    [[nodiscard]] bool to_the_end() {
        return until([&] { return reader_.ended(); });
    }
    [[nodiscard]] const Reader& reader() const { return reader_; }

  private:
    statchan::Stream& stream_;
    Reader reader_;
};

/// Once reached, at any time, for whoever asks.
void expect_end_stays(statchan::Stream& stream) {
    for (int round = 0; round < 3; ++round) {
        EXPECT_TRUE(readable(stream.fd()));
        EXPECT_FAILS(stream.next(0ns), statchan::errc::end_of_stream);
    }
    EXPECT_TRUE(readable(stream.fd()));
}

}  // namespace

class LevelTriggered : public OverTransport {
  protected:
    Synth synth{"size=64"};
};
OVER_TRANSPORTS_WITH(LevelTriggered, statchan::Capability::samples);

// The end comes close behind the records: with the last batch, or a moment later.
TEST_P(LevelTriggered, RecordsAndTheEndAreHeardOf) {
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    EventLoop loop{*stream};
    synth.emit(10);
    synth.remove();
    ASSERT_TRUE(loop.to_the_end());
    EXPECT_EQ(loop.reader().received(), 10U);
    expect_books_close(*stream);
    expect_end_stays(*stream);
}

// All records have been read when the end comes, alone.
TEST_P(LevelTriggered, EndAloneIsHeardOf) {
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    EventLoop loop{*stream};
    synth.emit(10);
    ASSERT_TRUE(loop.until([&] { return loop.reader().accounted() >= 10; }));
    synth.remove();
    ASSERT_TRUE(loop.to_the_end());
    EXPECT_EQ(loop.reader().received(), 10U);
    expect_end_stays(*stream);
}

// More than a batch, so that something is left each time.
TEST_P(LevelTriggered, WhatABatchLeavesIsHeardOf) {
    auto stream = client.subscribe(
        synth.name(), {.buffer_size = 1U << 20, .batch_bytes = 1120, .receive_buffer = 16U << 20});
    ASSERT_OK(stream);
    EventLoop loop{*stream};
    synth.emit(1000);
    synth.remove();
    ASSERT_TRUE(loop.to_the_end());
    EXPECT_EQ(loop.reader().received(), 1000U);
    EXPECT_LT(loop.reader().largest_batch(), 1000U);
    expect_end_stays(*stream);
}

TEST_P(LevelTriggered, StoppedStreamIsHeardOf) {
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    EventLoop loop{*stream};
    synth.emit(10);
    ASSERT_OK(stream->stop());
    ASSERT_TRUE(loop.to_the_end());
    EXPECT_EQ(loop.reader().received(), 10U);
    expect_end_stays(*stream);
}

// To netlink or away from it: descriptors within descriptors, and those of the old transport go.
// In the program's own epoll, where a forgotten one would be heard for ever.
TEST_P(LevelTriggered, SwitchedStreamIsHeardOf) {
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    EventLoop loop{*stream};
    synth.emit(10);
    ASSERT_OK(client.switch_transport(*stream, is_netlink() ? "mmap" : "netlink"));
    const Descriptor own{::epoll_create1(EPOLL_CLOEXEC)};
    epoll_event event{.events = EPOLLIN, .data = {}};
    ASSERT_EQ(::epoll_ctl(own.get(), EPOLL_CTL_ADD, stream->fd(), &event), 0)
        << std::strerror(errno);
    synth.emit(10);
    ASSERT_TRUE(loop.until([&] { return loop.reader().accounted() >= 20; }));
    EXPECT_EQ(loop.reader().received(), 20U);
    // The old transport has ended, which must not be heard of when it has been read.
    EXPECT_OK(stream->next(0ns));
    EXPECT_EQ(::epoll_wait(own.get(), &event, 1, 0), 0);
    synth.remove();
    EXPECT_EQ(::epoll_wait(own.get(), &event, 1, 20'000), 1);
    ASSERT_TRUE(loop.to_the_end());
    expect_books_close(*stream);
    expect_end_stays(*stream);
    EXPECT_EQ(::epoll_wait(own.get(), &event, 1, 20'000), 1);
}

/// Where the message that tells the end can get lost.
class LevelTriggeredOverrun : public OverTransport {
  protected:
    Synth synth{"size=64"};
    static constexpr statchan::ChannelConfig small{.receive_buffer = 32768};
    // What was emitted is sent by a worker, in its time.
    static bool overrun(const statchan::Stream& stream) {
        return eventually([&] {
            const auto ledger = stream.ledger();
            EXPECT_OK(ledger);
            return ledger && ledger->socket_drops.value_or(0) > 0;
        });
    }
};
INSTANTIATE_TEST_SUITE_P(, LevelTriggeredOverrun, testing::Values("netlink", "netlink-nl"),
                         parameter_name);

// The end is sent last; the socket was full long before, and takes nothing until it has been read.
TEST_P(LevelTriggeredOverrun, EndIsHeardOf) {
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    EventLoop loop{*stream};
    synth.emit(5000);
    ASSERT_TRUE(overrun(*stream));
    synth.remove();
    ASSERT_TRUE(loop.to_the_end());
    EXPECT_EQ(loop.reader().accounted(), 5000U);
    EXPECT_GT(loop.reader().lost(), 0U);
    report_losses(transport(), "overrun, read by an event loop", 5000 - loop.reader().received(),
                  loop.reader().lost());
    expect_books_close(*stream);
    expect_end_stays(*stream);
}

// The old channel's end is lost, and the new one has something to read all the time.
TEST_P(LevelTriggeredOverrun, SwitchIsHeardOf) {
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    EventLoop loop{*stream};
    synth.emit(5000);
    ASSERT_TRUE(overrun(*stream));
    ASSERT_OK(client.switch_transport(*stream, "mmap"));
    synth.emit(10);
    synth.remove();
    ASSERT_TRUE(loop.to_the_end());
    EXPECT_EQ(loop.reader().accounted(), 5010U);
    EXPECT_GT(loop.reader().lost(), 0U);
    expect_books_close(*stream);
    expect_end_stays(*stream);
}

// The source goes on, so there is no end to be found: it is looked for, and then silence again.
TEST_P(LevelTriggeredOverrun, IsSilentAfterwards) {
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(5000);
    ASSERT_TRUE(overrun(*stream));
    int wakeups = 0;
    for (const auto deadline = Clock::now() + patience; Clock::now() < deadline; ++wakeups) {
        if (!readable(stream->fd(), 500ms)) break;
        reader.once(0ns);
    }
    EXPECT_FALSE(readable(stream->fd(), 0ms)) << "after " << wakeups << " times";
    EXPECT_FALSE(reader.ended());
    ASSERT_TRUE(settle(reader, synth));
    expect_books_close(*stream);
}
