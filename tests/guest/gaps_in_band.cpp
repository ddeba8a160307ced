// SPDX-License-Identifier: MIT
//
// Guarantee 3. A consumer sees a loss where it happened: before the next record of that CPU.
#include <fstream>
#include <thread>

#include "support/losses.hpp"
#include "support/process.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::LostReason;

namespace {

/// How often a timer of the kernel expires, by the kernel's own trace.
class Expiries {
  public:
    explicit Expiries(std::string function) : function_{"function=" + std::move(function)} {
        write("trace", "");
        write(event, "1");
    }
    Expiries(const Expiries&) = delete;
    Expiries& operator=(const Expiries&) = delete;
    ~Expiries() { write(event, "0"); }

    [[nodiscard]] std::size_t count() const {
        const auto text = slurp(folder + "trace");
        std::size_t found = 0;
        for (auto at = text.find(function_); at != std::string::npos;
             at = text.find(function_, at + 1))
            ++found;
        return found;
    }

  private:
    static void write(const std::string& file, const std::string& text) {
        std::ofstream out{folder + file};
        out << text << std::flush;
        EXPECT_TRUE(out.good()) << folder + file;
    }
    static inline const std::string folder{"/sys/kernel/debug/tracing/"};
    static inline const std::string event{"events/timer/hrtimer_expire_entry/enable"};
    std::string function_;
};

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
    const Expiries expiries{"statchan_emit_timer"};
    std::this_thread::sleep_for(500ms);  // the time in which they are counted
    const auto found = expiries.count();
    // A message can always be made of a notice, so over netlink nothing is left to be told.
    EXPECT_GE(found, is_netlink() ? 0U : 1U) << "nothing was counted";
    EXPECT_LE(found, doubled + (Clock::now() - begin) / each + 2U);
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
