// SPDX-License-Identifier: MIT
//
// Any number of subscribers share one send: one channel, one write of each record, and the same
// records for all.
#include <sys/resource.h>

#include <list>

#include "support/raw_netlink.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class Multicast : public OverTransport {};
OVER_TRANSPORTS_WITH(Multicast, statchan::Capability::multicast);

TEST_P(Multicast, EightSubscribersGetTheSameRecords) {
    Synth synth{"size=100 cpus=2 context=softirq"};
    std::list<statchan::Stream> streams;
    std::list<Reader> readers;
    for (int i = 0; i < 8; ++i) {
        auto other = open_client(transport());
        auto stream = other.subscribe(synth.name());
        ASSERT_OK(stream) << "subscriber " << i;
        streams.push_back(std::move(*stream));
        readers.emplace_back(streams.back());
        readers.back().keep();
        readers.back().expect_from(0);
    }
    const auto channels = client.channels();
    ASSERT_OK(channels);
    ASSERT_EQ(channels->size(), 1U) << "they do not share";
    EXPECT_EQ(channels->front().subscribers, 8U);
    EXPECT_EQ(synth.info().channels, 1U);

    synth.emit(1000);
    for (auto& reader : readers) ASSERT_TRUE(reader.records(2000));
    const auto& reference = readers.front().seen();
    EXPECT_EQ(reference.size(), 2000U);
    for (const auto& reader : readers) {
        EXPECT_EQ(reader.lost(), 0U);
        ASSERT_EQ(reader.seen().size(), reference.size());
        for (const auto& [number, seen] : reader.seen())
            ASSERT_EQ(seen.digest, reference.at(number).digest);
    }
    const auto ledger = client.ledger(channels->front().id);
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->at(0).accepted, 1000U) << "written once, not once per subscriber";
    for (const auto& stream : streams) expect_books_close(stream);
}

// The libraries differ, the protocol does not.
TEST_P(Multicast, BothLibrariesShareOneChannel) {
    Synth synth{"size=100"};
    std::list<statchan::Stream> streams;
    std::list<Reader> readers;
    for (const auto& name : transports_with(statchan::Capability::multicast)) {
        auto other = open_client(name);
        auto stream = other.subscribe(synth.name());
        ASSERT_OK(stream);
        streams.push_back(std::move(*stream));
        readers.emplace_back(streams.back());
    }
    EXPECT_EQ(client.channels()->size(), 1U);
    synth.emit(300);
    for (auto& reader : readers) EXPECT_TRUE(reader.records(300));
}

// One that does not read loses its own, in its own books; the others get all.
TEST_P(Multicast, SlowSubscriberHarmsNoOther) {
    Synth synth{"size=100"};
    auto other = open_client(transport());
    auto slow = other.subscribe(synth.name(), {.receive_buffer = 8192});
    ASSERT_OK(slow);
    auto quick = client.subscribe(synth.name());
    ASSERT_OK(quick);
    EXPECT_EQ(slow->channel(), quick->channel());
    Reader reader{*quick};
    reader.expect_from(0);
    for (unsigned round = 1; round <= 10; ++round) {
        synth.emit(300);
        ASSERT_TRUE(reader.records(round * 300));
    }
    EXPECT_EQ(reader.lost(), 0U);
    Reader late{*slow};
    late.expect_from(0);
    ASSERT_TRUE(settle(late, synth));
    EXPECT_GT(late.lost(), 0U);
    expect_books_close(*slow);
}

TEST_P(Multicast, ChannelLivesAsLongAsItsLastSubscriber) {
    Synth synth{"size=8"};
    auto first = client.subscribe(synth.name());
    ASSERT_OK(first);
    auto other = open_client(transport());
    auto second = other.subscribe(synth.name());
    ASSERT_OK(second);
    const auto subscribers = [&] {
        const auto channels = client.channels();
        return channels->empty() ? 0 : channels->front().subscribers;
    };
    EXPECT_EQ(subscribers(), 2U);
    first = tl::unexpected(statchan::Error{});
    EXPECT_TRUE(eventually([&] { return subscribers() == 1; }));
    Reader reader{*second};
    synth.emit(50);
    EXPECT_TRUE(reader.records(50));
    second = tl::unexpected(statchan::Error{});
    EXPECT_TRUE(eventually([&] { return subscribers() == 0; }));
}

TEST_P(Multicast, SubscribersRunOut) {
    rlimit files{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
    const auto before = files;
    files.rlim_cur = files.rlim_max = STATCHAN_SUBSCRIBERS_MAX + 100;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
    Synth synth;
    const auto source = synth.info().id;
    std::list<RawNetlink> sockets;
    const auto open = [&] {
        auto& socket = sockets.emplace_back();
        socket.ask(STATCHAN_CMD_CHANNEL_OPEN, NLM_F_ACK,
                   [&](nlmsghdr* head) { mnl_attr_put_u32(head, STATCHAN_A_SOURCE, source); });
        return socket.finish().error;
    };
    for (unsigned i = 0; i < STATCHAN_SUBSCRIBERS_MAX; ++i) ASSERT_EQ(open(), 0) << i;
    EXPECT_EQ(client.channels()->front().subscribers, STATCHAN_SUBSCRIBERS_MAX);
    EXPECT_EQ(open(), EBUSY);
    sockets.pop_front();
    EXPECT_EQ(open(), 0);
    sockets.clear();
    EXPECT_TRUE(eventually([&] { return client.channels()->empty(); }));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

// 16 groups there are; the 17th channel is refused with a way out, and a group is free again
// when its channel is gone.
TEST_P(Multicast, GroupsRunOutWithASentence) {
    Synth synth{"size=8"};
    std::vector<statchan::Stream> streams;
    for (std::uint32_t i = 1; i <= 16; ++i) {
        auto stream = client.subscribe(synth.name(), {.snaplen = i, .buffer_size = 4096});
        ASSERT_OK(stream) << "number " << i;
        streams.push_back(std::move(*stream));
    }
    const auto refused = client.subscribe(synth.name(), {.snaplen = 17});
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message().find("16"), std::string::npos) << refused.error().message();
    streams.pop_back();
    EXPECT_TRUE(
        eventually([&] { return client.subscribe(synth.name(), {.snaplen = 17}).has_value(); }));
}
