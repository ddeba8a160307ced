// SPDX-License-Identifier: MIT
//
// Modes: a full buffer loses the newest records (discard) or the oldest (overwrite), and the books
// close in both.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <thread>

#include "support/device.hpp"
#include "support/losses.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::LostReason;
using statchan::Mode;

namespace {

constexpr statchan::ChannelConfig small{
    .buffer_size = 16384, .subbufs = 4, .receive_buffer = 32768};

statchan::ChannelConfig recorder(std::uint64_t buffer = 16384) {
    auto config = small;
    config.mode = Mode::overwrite;
    config.buffer_size = buffer;
    return config;
}

}  // namespace

class ModeDiscard : public OverTransport {};
OVER_TRANSPORTS_WITH(ModeDiscard, statchan::Capability::samples);

TEST_P(ModeDiscard, KeepsTheOldest) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    EXPECT_EQ(stream->effective().mode, Mode::discard);
    synth.emit(3000);
    ASSERT_OK(stream->stop());
    Reader reader{*stream};
    reader.expect_from(0);
    reader.keep();
    ASSERT_TRUE(reader.to_the_end());
    ASSERT_GT(reader.lost(), 0U);
    EXPECT_TRUE(reader.seen().contains({0, 0}));
    // netlink's worker may make room meanwhile, on another CPU
    if (!transport().starts_with("netlink")) {
        EXPECT_FALSE(reader.seen().contains({0, 2999}));
    }
    EXPECT_EQ(reader.accounted(), 3000U);
    expect_books_close(*stream);
}

// Who can not overwrite says so, and who can.
class ModeOnlyDiscard : public OverTransport {};
OVER_TRANSPORTS_WITHOUT(ModeOnlyDiscard, statchan::Capability::samples,
                        statchan::Capability::overwrite);

TEST_P(ModeOnlyDiscard, IsSaid) {
    Synth synth;
    const auto stream = client.subscribe(synth.name(), recorder());
    ASSERT_FALSE(stream.has_value());
    EXPECT_EQ(stream.error(), statchan::errc::not_supported);
    EXPECT_NE(stream.error().message().find("relay, mmap"), std::string::npos)
        << stream.error().message();
}

class ModeOverwrite : public OverTransport {
  protected:
    // Frozen and read to the end, it holds the newest of @p offered records of each CPU.
    static void expect_newest(statchan::Stream& stream, std::uint64_t offered, unsigned cpus) {
        ASSERT_OK(stream.stop());
        Reader reader{stream};
        reader.keep();
        ASSERT_TRUE(reader.to_the_end());
        EXPECT_EQ(reader.received() + reader.lost(), offered * cpus);
        for (unsigned cpu = 0; cpu < cpus; ++cpu) {
            SCOPED_TRACE(cpu);
            EXPECT_GT(reader.received(cpu), 0U);
            for (std::uint64_t seq = offered - reader.received(cpu); seq < offered; ++seq)
                ASSERT_TRUE(reader.seen().contains({cpu, seq})) << seq;
        }
        for (const auto& gap : reader.gaps()) {
            EXPECT_EQ(gap.reason, LostReason::overwritten);
            EXPECT_EQ(gap.first_seq, 0U);
            EXPECT_EQ(gap.last_seq + 1, gap.count);
        }
        expect_books_close(stream);
        report_losses(std::string{stream.transport()}, "overwritten",
                      offered * cpus - reader.received(), reader.lost());
        const auto ledger = stream.ledger();
        ASSERT_OK(ledger);
        EXPECT_EQ(ledger->total().accepted, offered * cpus);
    }
};
OVER_TRANSPORTS_WITH(ModeOverwrite, statchan::Capability::overwrite);

TEST_P(ModeOverwrite, KeepsTheNewest) {
    Synth synth{"size=64 cpus=2"};
    auto stream = client.subscribe(synth.name(), recorder());
    ASSERT_OK(stream);
    EXPECT_EQ(stream->effective().mode, Mode::overwrite);
    synth.emit(3000);
    expect_newest(*stream, 3000, 2);
}

// At least three quarters of what was asked for: a sub-buffer may be the next to be overwritten.
TEST_P(ModeOverwrite, UsesItsBuffer) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), recorder(65536));
    ASSERT_OK(stream);
    synth.emit(3000);
    ASSERT_OK(stream->stop());
    Reader reader{*stream};
    ASSERT_TRUE(reader.to_the_end());
    EXPECT_GE(reader.received() * (48 + 64), stream->effective().buffer_size / 2);
}

TEST_P(ModeOverwrite, LosesNothingWhileThereIsRoom) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), recorder());
    ASSERT_OK(stream);
    synth.emit(20);
    ASSERT_OK(stream->stop());
    Reader reader{*stream};
    reader.expect_from(0);
    ASSERT_TRUE(reader.to_the_end());
    EXPECT_EQ(reader.received(), 20U);
    EXPECT_EQ(reader.lost(), 0U);
    expect_books_close(*stream);
}

// Records of every size: those that go are larger or smaller than the one that comes.
TEST_P(ModeOverwrite, TakesRecordsOfAllSizes) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), [] {
        auto config = recorder();
        config.snaplen = 2048;
        return config;
    }());
    ASSERT_OK(stream);
    std::uint64_t offered = 0;
    for (const auto* size : {"size=0", "size=2048", "size=1", "size=777", "size=64", "size=2047"}) {
        synth.emit(200, size);
        offered += 200;
    }
    expect_newest(*stream, offered, 1);
}

// The ring can be read while it is overwritten: what the reader gets is whole, and what it misses
// it is told. Twice as many producers as readers, and no pause.
TEST(ModeOverwriteRing, CanBeReadMeanwhile) {
    auto client = open_client("mmap");
    Synth synth{"size=200 cpus=2 mode=back-to-back context=softirq count=50000"};
    auto stream = client.subscribe(synth.name(), recorder());
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.set("run=1");
    EXPECT_TRUE(reader.until([&] { return synth.info().emitted >= 100'000; }));
    synth.set("run=0");
    ASSERT_OK(stream->stop());
    ASSERT_TRUE(reader.to_the_end());
    EXPECT_GT(reader.lost(), 0U) << "no overload: the test shows nothing";
    EXPECT_EQ(reader.received() + reader.lost(), 100'000U);
    expect_books_close(*stream);
}

// Nor is anything given back before: what is overwritten meanwhile would be counted twice.
TEST(ModeOverwriteRelay, GivesNothingBackBeforeItIsFrozen) {
    Synth synth{"size=64"};
    const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    auto req = channel_request(synth.info().id, STATCHAN_T_RELAY);
    req.want.buffer_size = 16384;
    req.want.subbufs = 4;
    req.want.mode = STATCHAN_MODE_OVERWRITE;
    ASSERT_EQ(::ioctl(device.get(), STATCHAN_IOC_CHANNEL_OPEN, &req), 0);
    synth.emit(200);
    const auto ask = [&](std::uint64_t consume, std::uint32_t flags) {
        statchan_relay_state state{};
        state.size = sizeof state;
        state.consume = consume;
        state.flags = flags;
        return ::ioctl(device.get(), STATCHAN_IOC_RELAY_STATE, &state) == 0 ? 0 : errno;
    };
    EXPECT_EQ(ask(0, 0), 0);
    EXPECT_EQ(ask(1, 0), EBUSY);
    EXPECT_EQ(ask(0, STATCHAN_RELAY_FLUSH), EBUSY);
    const Descriptor file{::open((std::string{req.path} + "/cpu0").c_str(), O_RDONLY | O_CLOEXEC)};
    std::array<char, 4096> bytes{};
    EXPECT_EQ(::read(file.get(), bytes.data(), bytes.size()), -1);
    EXPECT_EQ(errno, EBUSY);
    statchan_channel_run run{};
    run.size = sizeof run;
    ASSERT_EQ(::ioctl(device.get(), STATCHAN_IOC_CHANNEL_STOP, &run), 0);
    EXPECT_EQ(ask(1, 0), 0);
    EXPECT_EQ(ask(0, STATCHAN_RELAY_FLUSH), 0);
    EXPECT_GT(::read(file.get(), bytes.data(), bytes.size()), 0);
}

// relay's files hold still only when nobody writes.
TEST(ModeOverwriteRelay, IsReadWhenItIsFrozen) {
    auto client = open_client("relay");
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), recorder());
    ASSERT_OK(stream);
    synth.emit(10);
    auto batch = stream->next(50ms);
    ASSERT_OK(batch);
    EXPECT_TRUE(batch->empty());
    ASSERT_OK(stream->stop());
    batch = stream->next(patience);
    ASSERT_OK(batch);
    EXPECT_EQ(batch->sample_count(), 10U);
}
