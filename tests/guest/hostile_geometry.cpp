// SPDX-License-Identifier: MIT
//
// Sizes that overflow, are negative or make no sense: refused with a sentence, or what is in force
// is in the limits, and works.
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "support/device.hpp"
#include "support/mappable.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::ChannelConfig;

namespace {

/// Powers of two and what is next to them, up to what the field holds.
template <class T>
std::vector<T> extremes() {
    std::vector<T> values{1, 4097, std::numeric_limits<T>::max(),
                          std::numeric_limits<T>::max() - 7};
    for (const int bit : {31, std::numeric_limits<T>::digits - 1}) {
        const auto power = T{1} << bit;
        values.insert(values.end(), {power - 1, power, power + 1});
    }
    return values;
}

}  // namespace

class HostileGeometry : public OverTransport {
  protected:
    // Refused with a sentence about this source, or it works within the limits.
    void expect_sane(const ChannelConfig& config) {
        Synth synth{"size=64"};
        auto stream = client.subscribe(synth.name(), config);
        if (!stream) {
            EXPECT_NE(stream.error().message().find(synth.name()), std::string::npos)
                << stream.error().message();
            return;
        }
        const auto& got = stream->effective();
        // whole messages, pages or sub-buffers
        EXPECT_LE(got.buffer_size, std::uint64_t{STATCHAN_BUFFER_MAX} + 65536);
        EXPECT_LE(got.snaplen, std::uint32_t{STATCHAN_SNAPLEN_MAX});
        EXPECT_LE(got.subbufs, std::uint32_t{STATCHAN_SUBBUFS_MAX});
        Reader reader{*stream};
        synth.emit(3);
        synth.remove();
        EXPECT_TRUE(reader.to_the_end()) << "what was emitted comes with the end"
                                         << (reader.error() ? reader.error()->message() : "");
        EXPECT_EQ(reader.accounted(), 3U);
    }
};
OVER_TRANSPORTS_WITH(HostileGeometry, statchan::Capability::samples);

TEST_P(HostileGeometry, BufferSize) {
    for (const auto value : extremes<std::uint64_t>()) {
        // What is allowed and large is the next test's; here it would only take time.
        if (value > (1U << 20) && value <= STATCHAN_BUFFER_MAX) continue;
        SCOPED_TRACE(value);
        expect_sane({.timeout = 1ms, .buffer_size = value});
        expect_sane({.snaplen = STATCHAN_SNAPLEN_MAX, .timeout = 1ms, .buffer_size = value});
    }
}

TEST_P(HostileGeometry, Snaplen) {
    for (const auto value : extremes<std::uint32_t>()) {
        SCOPED_TRACE(value);
        expect_sane({.snaplen = value, .timeout = 1ms, .buffer_size = 65536});
    }
}

TEST_P(HostileGeometry, WatermarksAndTimes) {
    for (const auto value : extremes<std::uint32_t>()) {
        SCOPED_TRACE(value);
        expect_sane({.watermark_records = value,
                     .watermark_bytes = ~value,
                     .timeout = 1ms,
                     .buffer_size = 16384});
    }
    for (const auto value : extremes<std::uint64_t>()) {
        SCOPED_TRACE(value);
        expect_sane({.timeout = std::chrono::nanoseconds{static_cast<std::int64_t>(value)},
                     .buffer_size = 16384});
    }
}

class HostileSubBuffers : public HostileGeometry {
  protected:
    void expect_refused(const ChannelConfig& config) {
        const Synth synth;
        const auto stream = client.subscribe(synth.name(), config);
        ASSERT_FALSE(stream.has_value());
        const auto message = stream.error().message();
        EXPECT_NE(message.find(synth.name()), std::string::npos) << message;
        EXPECT_NE(message.find("sub-buffers"), std::string::npos) << message;
    }

    // All of it can be filled, with records as long as they may be; what finds no room is told.
    void expect_filled(const ChannelConfig& config, std::uint64_t subbuf_size) {
        Synth synth{"size=" + std::to_string(config.snaplen)};
        auto stream = client.subscribe(synth.name(), config);
        ASSERT_OK(stream);
        EXPECT_EQ(stream->effective().subbufs, config.subbufs);
        EXPECT_EQ(stream->effective().buffer_size, subbuf_size * config.subbufs);
        const auto in_each = subbuf_size / (sizeof(statchan_record) + config.snaplen);
        const auto offered = in_each * config.subbufs + 10;
        synth.emit(offered);
        synth.remove();
        Reader reader{*stream};
        reader.expect_from(0);
        EXPECT_TRUE(reader.to_the_end()) << (reader.error() ? reader.error()->message() : "");
        EXPECT_EQ(reader.received() + reader.lost(), offered);
        EXPECT_GE(reader.lost(), 10U) << "more than there is room for";
        // The last one keeps room for gaps, and the first may have been completed early, for a
        // reader that does not come.
        EXPECT_GE(reader.received(), std::max(in_each * (config.subbufs - 2), std::uint64_t{1}));
        expect_books_close(*stream);
    }
};
OVER_TRANSPORTS_WITH(HostileSubBuffers, statchan::Capability::files);

// However large the buffer is.
TEST_P(HostileSubBuffers, NumbersWithoutSense) {
    for (const auto value : extremes<std::uint32_t>()) {
        SCOPED_TRACE(value);
        expect_refused({.timeout = 1ms, .buffer_size = 4096, .subbufs = value});
        expect_refused(
            {.timeout = 1ms, .buffer_size = STATCHAN_BUFFER_MAX, .subbufs = value | 4096});
    }
}

// The limits of the number, and buffers that it does not divide. Each sub-buffer is of whole pages;
// the longest record must fit in one, and beside it what is kept for gaps: one of each reason for
// which records are not accepted, and the one at hand.
TEST_P(HostileSubBuffers, OfSmallAndLargeBuffers) {
    constexpr auto gaps = 5 * sizeof(statchan_lost);
    const auto page = std::uint64_t{page_size()};
    int worked = 0;
    int refused = 0;
    for (const std::uint32_t snaplen : {1904U, std::uint32_t{STATCHAN_SNAPLEN_MAX}}) {
        for (const std::uint32_t subbufs :
             {2U, 3U, STATCHAN_SUBBUFS_MAX - 1U, std::uint32_t{STATCHAN_SUBBUFS_MAX}}) {
            for (const std::uint64_t buffer : {1U, 4095U, 4097U, (1U << 20) + 1}) {
                SCOPED_TRACE(std::to_string(subbufs) + " sub-buffers of " + std::to_string(buffer) +
                             " bytes, snaplen " + std::to_string(snaplen));
                const ChannelConfig config{
                    .snaplen = snaplen, .timeout = 1ms, .buffer_size = buffer, .subbufs = subbufs};
                const auto each = (buffer + subbufs - 1) / subbufs;
                const auto size = (each + page - 1) / page * page;
                if (size >= sizeof(statchan_record) + snaplen + gaps) {
                    expect_filled(config, size);
                    ++worked;
                } else {
                    expect_refused(config);
                    ++refused;
                }
            }
        }
    }
    EXPECT_GE(worked, 16) << "short records fit always";
    EXPECT_GT(refused, 0);
}

// The largest that is allowed: twice that, and its pages, are less than 2^31, and the program
// sees each byte at its place.
class HostileLargestRing : public OverTransport {};
OVER_TRANSPORTS_WITH(HostileLargestRing, statchan::Capability::zerocopy);

TEST_P(HostileLargestRing, IsMappedTwiceAndWorksAcrossItsEnd) {
    static_assert(2ULL * STATCHAN_BUFFER_MAX + 3 * 65536 < 1ULL << 31);
    constexpr std::uint64_t large = 64U << 20;  // on each CPU; the guest has 1 GiB
    Synth synth{"size=16384"};
    EXPECT_FALSE(client.subscribe(synth.name(), {.buffer_size = STATCHAN_BUFFER_MAX + 1ULL}));
    auto stream =
        client.subscribe(synth.name(), {.snaplen = 16384, .timeout = 1ms, .buffer_size = large});
    ASSERT_OK(stream);
    EXPECT_EQ(stream->effective().buffer_size, large);
    Reader reader{*stream};
    reader.expect_from(0);
    for (std::uint64_t emitted = 0; emitted < 6000;) {  // 98 MB: once around and on
        synth.emit(1000);
        emitted += 1000;
        ASSERT_TRUE(reader.records(emitted));
    }
    EXPECT_EQ(reader.lost(), 0U);
    expect_books_close(*stream);
}
