// SPDX-License-Identifier: MIT
//
// Guarantee 3. A consumer sees a loss where it happened: before the next record of that CPU.
#include <thread>

#include "support/losses.hpp"
#include "support/process.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::LostReason;

namespace {

/// How often timers have interrupted CPU 0. (The kernel's trace would tell which, but QEMU may go
/// on to execute text of the timers' that was changed to trace them, and hang.)
std::uint64_t timer_interrupts() {
    const auto text = slurp("/proc/timer_list");
    const std::string name{".nr_events"};
    const auto at = text.find(':', text.find(name));
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + 1));
}

}  // namespace

class GapsInBand : public OverTransport {
  protected:
    // The least that each transport can be given: some tens of records.
    static constexpr statchan::ChannelConfig small{
        .watermark_records = 1, .buffer_size = 4096, .subbufs = 2, .receive_buffer = 32768};

    // Over netlink the socket is full, or the messages are while the socket's turn has not come.
    void expect_reason(const statchan::Gap& gap) const {
        const bool socket = is_netlink() && (gap.reason == LostReason::socket_overrun ||
                                             gap.reason == LostReason::unreported);
        EXPECT_TRUE(socket || gap.reason == LostReason::ring_full) << to_string(gap);
    }
};
OVER_TRANSPORTS_WITH(GapsInBand, statchan::Capability::samples);

TEST_P(GapsInBand, LossComesBeforeTheNextRecord) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(2000);  // nobody reads meanwhile
    ASSERT_TRUE(settle(reader, synth));
    // The reader has checked that gaps stood where records are missing, and left none out.
    ASSERT_FALSE(reader.gaps().empty());
    for (const auto& gap : reader.gaps()) expect_reason(gap);
    if (!is_netlink()) {
        // What a ring holds, the gap up to the last of the first 2000, and one more. The gap may
        // be told in two parts: the notice found room where the next record did not.
        EXPECT_LE(reader.gaps().size(), 2U);
        EXPECT_EQ(reader.gaps().back().last_seq, 1999U);
        EXPECT_EQ(reader.lost() + reader.received(), 2001U);
    }
    expect_books_close(*stream);
}

TEST_P(GapsInBand, EachCpuHasItsOwn) {
    Synth synth{"size=64 cpus=2"};
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(1000);
    ASSERT_TRUE(settle(reader, synth));
    for (const unsigned cpu : {0U, 1U}) {
        EXPECT_GE(reader.accounted(cpu), 1001U);
        EXPECT_GT(reader.lost(cpu), 0U);
    }
    expect_books_close(*stream);
}

TEST_P(GapsInBand, RepeatedLossesAreRepeatedGaps) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    for (int i = 0; i < 5; ++i) {
        synth.emit(500);
        ASSERT_TRUE(settle(reader, synth));
    }
    EXPECT_GE(reader.gaps().size(), 5U);
    expect_books_close(*stream);
}

// A consumer that never reads: what can't be told is tried less and less often, not each 10 us for
// ever. A loss up to 10 times a second, relay's begun sub-buffer up to 1000 times.
TEST_P(GapsInBand, AreTriedMoreAndMoreSeldom) {
    Synth synth{"size=64 cpus=1"};
    auto config = small;
    config.timeout = 10us;
    auto stream = client.subscribe(synth.name(), config);
    ASSERT_OK(stream);
    synth.emit(2000);
    const auto each = client.capabilities().has(statchan::Capability::files) ? 1ms : 100ms;
    constexpr auto doubled = 14U;  // from 10 us to 100 ms
    const auto begin = Clock::now();
    const auto before = timer_interrupts();
    std::this_thread::sleep_for(500ms);  // the time in which they are counted
    EXPECT_TRUE(eventually([&] { return timer_interrupts() > before; })) << "nothing was counted";
    const auto found = timer_interrupts() - before;
    const auto passed = Clock::now() - begin;
    // every 10 us would be tens of thousands; ticks are among them, up to 1000 a second
    EXPECT_LE(found, doubled + passed / each + passed / 1ms);
    Reader reader{*stream};
    reader.expect_from(0);
    ASSERT_TRUE(settle(reader, synth));
    ASSERT_FALSE(reader.gaps().empty());
    expect_books_close(*stream);
}

// The time says when it happened, not when it was told.
TEST_P(GapsInBand, HasTheTimesOfTheLoss) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    Reader reader{*stream};
    const auto before = Clock::now();
    synth.emit(2000);
    const auto after = Clock::now();
    ASSERT_TRUE(settle(reader, synth));
    ASSERT_FALSE(reader.gaps().empty());
    const auto& gap = reader.gaps().front();
    EXPECT_GE(gap.first_time, before);
    // The reader of a socket learns of the loss only when it reads on.
    if (!is_netlink()) {
        EXPECT_LE(gap.last_time, after);
    }
}

// A loss after the last record would be unheard of if it waited for another record.
TEST_P(GapsInBand, LossAtTheEndIsToldBeforeTheEndOfTheStream) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(2000);
    reader.drain();
    EXPECT_TRUE(is_netlink() || reader.records(2000)) << "the timeout tells it";
    synth.remove();
    ASSERT_TRUE(reader.to_the_end());
    EXPECT_GT(reader.lost(), 0U);
    EXPECT_EQ(reader.accounted(), 2000U);
    report_losses(transport(), "full buffer, source removed", 2000 - reader.received(),
                  reader.lost());
    expect_books_close(*stream);
}

// There is room for it in every buffer, however full: nobody has read anything yet.
TEST_P(GapsInBand, FullBufferHasRoomForTheLastLoss) {
    Synth synth{"size=64 cpus=2"};
    auto stream = client.subscribe(synth.name(), small);
    ASSERT_OK(stream);
    synth.emit(2000);
    ASSERT_OK(stream->stop());
    Reader reader{*stream};
    reader.expect_from(0);
    ASSERT_TRUE(reader.to_the_end());
    EXPECT_GT(reader.lost(), 0U);
    EXPECT_EQ(reader.accounted(), 4000U);
    report_losses(transport(), "full buffer, stopped", 4000 - reader.received(), reader.lost());
    expect_books_close(*stream);
}
