// SPDX-License-Identifier: MIT
//
// Guarantee 9. Requested and effective values are both reported; what can not be is refused with
// a sentence.
#include <linux/statchan.h>
#include <unistd.h>

#include <algorithm>

#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::ChannelConfig;

class NothingSilentlyFixed : public OverTransport {
  protected:
    Synth synth{"size=64"};

    // The error must be of this kind and its sentence name these words.
    void expect_refused(const ChannelConfig& config, std::errc code,
                        const std::vector<std::string>& words) {
        const auto stream = client.subscribe(synth.name(), config);
        ASSERT_FALSE(stream.has_value());
        const auto text = stream.error().message();
        EXPECT_TRUE(stream.error().is(code)) << text << ": " << stream.error().code;
        for (const auto& word : words)
            EXPECT_NE(text.find(word), std::string::npos) << "no '" << word << "' in: " << text;
        EXPECT_EQ(text.find('\n'), std::string::npos) << "one line: " << text;
        EXPECT_NE(text.find(synth.name()), std::string::npos) << "names no object: " << text;
    }
};
OVER_TRANSPORTS_WITH(NothingSilentlyFixed, statchan::Capability::samples);

TEST_P(NothingSilentlyFixed, RequestAndEffectAreBothReported) {
    const ChannelConfig wanted{.rate = 3,
                               .snaplen = 77,
                               .watermark_records = 9,
                               .watermark_bytes = 3000,
                               .timeout = 7ms,
                               .buffer_size = 50'000};
    auto stream = client.subscribe(synth.name(), wanted);
    ASSERT_OK(stream);
    const auto& requested = stream->requested();
    const auto& effective = stream->effective();
    EXPECT_EQ(requested.buffer_size, 50'000U);
    EXPECT_GE(effective.buffer_size, 50'000U) << "rounded down";
    EXPECT_LE(effective.buffer_size, 131'072U);
    EXPECT_EQ(requested.rate, 3U);
    EXPECT_EQ(effective.rate, 3U);
    EXPECT_EQ(effective.snaplen, 77U);
    EXPECT_EQ(effective.watermark_records, 9U);
    EXPECT_EQ(effective.watermark_bytes, 3000U);
    EXPECT_EQ(effective.timeout, 7ms);
    EXPECT_GT(effective.batch_bytes, 0U);

    // Everyone sees the same of it.
    for (const auto& other : all_transports()) {
        SCOPED_TRACE("asked over " + other);
        const auto channels = open_client(other).channels();
        ASSERT_OK(channels);
        ASSERT_EQ(channels->size(), 1U);
        const auto& channel = channels->front();
        EXPECT_EQ(channel.id, stream->channel());
        EXPECT_EQ(channel.source, synth.info().id);
        EXPECT_EQ(channel.kind, statchan::ChannelKind::samples);
        EXPECT_EQ(channel.pid, static_cast<std::uint32_t>(::getpid()));
        EXPECT_EQ(channel.transport, is_netlink() ? "netlink" : transport());
        EXPECT_EQ(channel.requested.buffer_size, 50'000U);
        EXPECT_EQ(channel.effective.buffer_size, effective.buffer_size);
        EXPECT_EQ(channel.effective.timeout, 7ms);
        EXPECT_FALSE(channel.end_of_stream);
    }
}

TEST_P(NothingSilentlyFixed, DefaultsAreReported) {
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    EXPECT_EQ(stream->requested().snaplen, 0U);
    const auto& effective = stream->effective();
    EXPECT_EQ(effective.rate, 1U);
    EXPECT_EQ(effective.snaplen, 128U);
    EXPECT_EQ(effective.watermark_records, 64U);
    EXPECT_EQ(effective.timeout, 10ms);
    EXPECT_GE(effective.buffer_size, 4096U);
    EXPECT_EQ(effective.mode, statchan::Mode::discard);
}

TEST_P(NothingSilentlyFixed, SocketBufferIsTold) {
    auto stream = client.subscribe(synth.name(), {.receive_buffer = 1'000'000});
    ASSERT_OK(stream);
    EXPECT_EQ(stream->requested().receive_buffer, 1'000'000U);
    if (is_netlink()) {
        EXPECT_GE(stream->effective().receive_buffer, 1'000'000U);
    } else {
        EXPECT_EQ(stream->effective().receive_buffer, 0U);
    }
}

TEST_P(NothingSilentlyFixed, SnaplenTooLarge) {
    expect_refused({.snaplen = 40'000}, std::errc::invalid_argument, {"snaplen", "40000", "32768"});
}

TEST_P(NothingSilentlyFixed, BufferTooLarge) {
    expect_refused({.buffer_size = 1ULL << 40}, std::errc::invalid_argument,
                   {"buffer", "1099511627776"});
}

// Refused, or made larger and said so: never a channel that can deliver nothing.
TEST_P(NothingSilentlyFixed, BufferTooSmallForOneRecord) {
    const ChannelConfig wanted{.snaplen = 9000, .buffer_size = 4096, .subbufs = 2};
    auto stream = client.subscribe(synth.name(), wanted);
    if (!stream) {
        expect_refused(wanted, std::errc::invalid_argument, {"buffer", "9000"});
        return;
    }
    EXPECT_EQ(stream->requested().buffer_size, 4096U);
    EXPECT_GE(stream->effective().buffer_size, 9048U);
    Reader reader{*stream};
    synth.emit(1, "size=9000");
    EXPECT_TRUE(reader.records(1));
    EXPECT_EQ(reader.lost(), 0U);
}

TEST_P(NothingSilentlyFixed, TimeoutTooShort) {
    expect_refused({.timeout = 1ns}, std::errc::invalid_argument, {"timeout", "10000"});
}

TEST_P(NothingSilentlyFixed, RateThatDoesNotFitTheSources) {
    auto first = client.subscribe(synth.name(), {.rate = 10});
    ASSERT_OK(first);
    expect_refused({.rate = 15}, std::errc::device_or_resource_busy, {"15", "1:10"});
    auto multiple = client.subscribe(synth.name(), {.rate = 30});
    ASSERT_OK(multiple);
    EXPECT_EQ(multiple->effective().rate, 30U);
    auto as_it_is = client.subscribe(synth.name());
    ASSERT_OK(as_it_is);
    EXPECT_EQ(as_it_is->requested().rate, 0U);
    EXPECT_EQ(as_it_is->effective().rate, 10U);
}

TEST_P(NothingSilentlyFixed, RateTooLarge) {
    expect_refused({.rate = STATCHAN_RATE_MAX + 1}, std::errc::invalid_argument,
                   {"rate", std::to_string(STATCHAN_RATE_MAX)});
    const auto set = client.set_source(synth.name(), "rate=1073741825");
    ASSERT_FALSE(set);
    EXPECT_NE(set.error().message().find("1..1073741824"), std::string::npos)
        << set.error().message();
    // The largest: about one in 2^29 packets is among the first two, so none of these.
    auto stream = client.subscribe(synth.name(), {.rate = STATCHAN_RATE_MAX});
    ASSERT_OK(stream);
    synth.emit(1000);
    EXPECT_EQ(synth.info().emitted, 0U);
    EXPECT_EQ(synth.info().observed, 1000U);
}

// 1 in N: the mean skip is N, uniform over 1..2N-1, so of M packets M/N are taken with a variance
// of about M/3N. Six standard deviations make this test fail once in a lifetime.
TEST_P(NothingSilentlyFixed, OneInNIsOneInN) {
    auto stream = client.subscribe(synth.name(), {.rate = 10, .buffer_size = 1U << 20});
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(30'000);
    const auto info = synth.info();
    EXPECT_EQ(info.observed, 30'000U);
    EXPECT_EQ(info.rate, 10U);
    EXPECT_NEAR(static_cast<double>(info.emitted), 3000, 6 * 31.7);
    EXPECT_TRUE(reader.records(info.emitted));
    expect_books_close(*stream);
}
