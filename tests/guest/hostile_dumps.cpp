// SPDX-License-Identifier: MIT
//
// Dumps that overlap, are left half way, go into buffers that are too small or never fit, or
// outlive the family: each ends, with all of it or with an error, and the next one works.
#include <sys/socket.h>
#include <unistd.h>

#include <list>
#include <thread>
#include <utility>

#include "support/device.hpp"
#include "support/module.hpp"
#include "support/raw_netlink.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

constexpr std::size_t counters = 1U << 15;
constexpr std::size_t image_bytes = sizeof(statchan_snapshot) + 8 * counters;

RawNetlink::Fill snapshot_of(std::uint32_t source, std::uint64_t length = 0) {
    return [=](nlmsghdr* head) {
        mnl_attr_put_u32(head, STATCHAN_A_SOURCE, source);
        if (length != 0) mnl_attr_put_u64(head, STATCHAN_A_LENGTH, length);
    };
}

bool in_pieces(std::uint8_t command) {
    return command == STATCHAN_CMD_SNAPSHOT_GET || command == STATCHAN_CMD_SCHEMA_GET;
}

}  // namespace

class HostileDumps : public testing::Test {
  protected:
    Synth synth{synth_counters(counters)};
    const std::uint32_t id = synth.info().id;

    void expect_whole(RawNetlink& socket) const {
        ASSERT_EQ(socket.ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP, snapshot_of(id)), 0);
        const auto answer = socket.finish();
        EXPECT_EQ(answer.error, 0);
        EXPECT_EQ(answer.data.size(), image_bytes);
    }
};

// The attributes of one must not become those of another: each asks for pieces of its own size.
TEST_F(HostileDumps, OfManySocketsAtOnce) {
    std::vector<std::thread> readers;
    std::atomic<int> whole{0};
    for (unsigned reader = 0; reader < 6; ++reader)
        readers.emplace_back([&, reader] {
            RawNetlink socket;
            for (unsigned i = 0; i < 5; ++i) {
                const std::uint64_t piece = 2048U << (reader + i) % 5;
                socket.ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP, snapshot_of(id, piece));
                std::size_t data = 0;
                for (bool done = false; !done;) {
                    const auto got = socket.receive();
                    ASSERT_GT(got, 0);
                    EXPECT_LE(got, static_cast<std::int64_t>(piece)) << "another's size";
                    const auto* head = reinterpret_cast<const nlmsghdr*>(socket.received().data());
                    int left = static_cast<int>(got);
                    for (; mnl_nlmsg_ok(head, left); head = mnl_nlmsg_next(head, &left)) {
                        done |= head->nlmsg_type == NLMSG_DONE;
                        if (head->nlmsg_type == NLMSG_DONE) continue;
                        each_attribute(head, [&](const nlattr* attribute) {
                            if (mnl_attr_get_type(attribute) == STATCHAN_A_DATA)
                                data += mnl_attr_get_payload_len(attribute);
                        });
                    }
                }
                if (data == image_bytes) ++whole;
            }
        });
    for (auto& reader : readers) reader.join();
    EXPECT_EQ(whole, 30);
}

// Netlink has room for one dump of a socket: the second is refused, and the first goes on.
TEST_F(HostileDumps, TwoOfOneSocket) {
    RawNetlink socket;
    ASSERT_EQ(socket.ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP, snapshot_of(id, 4096)), 0);
    ASSERT_EQ(socket.ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP, snapshot_of(id, 32768)), 0);
    ASSERT_EQ(socket.ask(STATCHAN_CMD_LEDGER_GET, NLM_F_DUMP), 0);
    std::size_t data = 0;
    int refused = 0;
    for (bool done = false; !done;) {
        const auto answer = socket.finish();
        data += answer.data.size();
        refused += answer.error == EBUSY;
        ASSERT_TRUE(answer.error == 0 || answer.error == EBUSY) << answer.error;
        done = answer.error == 0;
    }
    EXPECT_EQ(data, image_bytes);
    EXPECT_EQ(refused, 2);
    expect_whole(socket);
}

TEST_F(HostileDumps, ThreadsOfOneSocket) {
    RawNetlink socket;
    {
        std::vector<std::jthread> askers;
        for (int asker = 0; asker < 3; ++asker)
            askers.emplace_back([&] {
                for (int i = 0; i < 50; ++i)
                    socket.ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP, snapshot_of(id, 8192));
            });
        for (int i = 0; i < 200; ++i) (void)socket.receive(65536, MSG_DONTWAIT);
    }
    EXPECT_TRUE(socket.drain());
    RawNetlink another;
    expect_whole(another);
}

// Left half way, by readers that go: what a dump holds goes, once.
TEST_F(HostileDumps, LeftHalfWay) {
    for (int i = 0; i < 30; ++i) {
        RawNetlink socket;
        for (const auto command : {STATCHAN_CMD_SNAPSHOT_GET, STATCHAN_CMD_SCHEMA_GET}) {
            socket.ask(static_cast<std::uint8_t>(command), NLM_F_DUMP, snapshot_of(id, 2048));
            for (int k = 0; k < i % 3; ++k) EXPECT_GT(socket.receive(), 0);
        }
    }
    RawNetlink socket;
    for (const std::uint32_t source : {4'000'000U, 4'000'001U, id}) {
        socket.ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP, snapshot_of(source));
        EXPECT_EQ(socket.finish().error, source == id ? 0 : ENOENT) << "and its done does no harm";
    }
    expect_whole(socket);
}

class HostileTinyReceive : public HostileDumps {};

// What does not fit is cut off, and said to be; the dump comes to its end.
TEST_F(HostileTinyReceive, IntoBuffersThatAreTooSmall) {
    const RawChannel channel{id, STATCHAN_T_IOCTL};
    const RawNetlink::Fill of_nothing = [](nlmsghdr*) {};
    const RawNetlink::Fill of_channel = [&](nlmsghdr* head) {
        mnl_attr_put_u32(head, STATCHAN_A_CHANNEL, channel.answer.id);
    };
    const std::pair<std::uint8_t, RawNetlink::Fill> dumps[] = {
        {STATCHAN_CMD_SNAPSHOT_GET, snapshot_of(id)}, {STATCHAN_CMD_SCHEMA_GET, snapshot_of(id)},
        {STATCHAN_CMD_SOURCE_GET, of_nothing},        {STATCHAN_CMD_TRANSPORT_GET, of_nothing},
        {STATCHAN_CMD_CHANNEL_GET, of_nothing},       {STATCHAN_CMD_LEDGER_GET, of_channel},
    };
    RawNetlink socket;
    for (const std::size_t room : {std::size_t{1}, std::size_t{16}, std::size_t{20},
                                   std::size_t{100}, std::size_t{4096}, std::size_t{16384}}) {
        SCOPED_TRACE(room);
        for (const auto& [command, by] : dumps) {
            SCOPED_TRACE(int{command});
            ASSERT_EQ(socket.ask(command, NLM_F_DUMP, by), 0);
            int datagrams = 0;
            bool cut = false;
            for (std::int64_t got = 0; (got = socket.receive(room, MSG_DONTWAIT)) >= 0;) {
                cut |= got > static_cast<std::int64_t>(room);
                EXPECT_LE(socket.received().size(), room);
                ASSERT_LT(++datagrams, 10'000);
            }
            EXPECT_GT(datagrams, 0);
            // lists are short here; of pieces netlink makes as long ones as it ever saw room for
            EXPECT_EQ(cut, room <= 100 || in_pieces(command));
            ASSERT_EQ(socket.ask(STATCHAN_CMD_TRANSPORT_GET, NLM_F_DUMP), 0);
            EXPECT_EQ(socket.finish().error, 0) << "the one before has not come to its end";
        }
    }
    expect_whole(socket);
}

// Receive buffers from as small as the kernel has them to as large: the whole dump or the error
// that says so, from some size on the whole, and then again. (Some kernels' netlink wants room for
// one message, others do with less.)
TEST_F(HostileTinyReceive, WithSmallSocketBuffers) {
    bool whole = false;
    for (const int size : {1, 16384, 65536, 1 << 20}) {
        SCOPED_TRACE(size);
        RawNetlink socket;
        ASSERT_EQ(::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
        ASSERT_EQ(socket.ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP, snapshot_of(id)), 0);
        const auto answer = socket.finish();
        EXPECT_TRUE((answer.error == 0 && answer.data.size() == image_bytes) ||
                    (answer.error == ENOBUFS && !whole))
            << answer.error << " after " << answer.data.size();
        if (answer.error != 0) continue;
        whole = true;
        for (int i = 0; i < 2; ++i) expect_whole(socket);
    }
    EXPECT_TRUE(whole) << "not even with the largest";
}

// Pieces of a size into which not even the first fits: an error, and not for ever nothing.
TEST_F(HostileTinyReceive, PiecesThatNeverFit) {
    RawNetlink socket;
    for (const std::uint8_t command : {STATCHAN_CMD_SNAPSHOT_GET, STATCHAN_CMD_SCHEMA_GET}) {
        SCOPED_TRACE(int{command});
        const auto ask = [&](std::uint64_t piece) {
            socket.ask(command, NLM_F_DUMP, snapshot_of(id, piece));
            return socket.finish();
        };
        const auto whole = ask(0);
        EXPECT_EQ(whole.error, 0);
        EXPECT_GT(whole.data.size(), 4096U);
        for (const std::uint64_t piece : {1ULL, 8ULL, 20ULL, 64ULL}) {
            EXPECT_EQ(ask(piece).error, EMSGSIZE) << piece;
        }
        for (const std::uint64_t piece : {160ULL, 1ULL << 20, 1ULL << 40, ~0ULL}) {
            const auto answer = ask(piece);
            EXPECT_EQ(answer.error, 0) << piece;
            EXPECT_EQ(answer.data.size(), whole.data.size()) << piece;
        }
    }
}

// The family goes while sockets know it, have joined it and are in the middle of reading; and comes
// again, under any number.
TEST(HostileFamily, GoesUnderOpenSockets) {
    std::list<RawNetlink> sockets;
    {
        Synth synth{synth_counters(counters)};
        for (int i = 0; i < 4; ++i) {
            auto& socket = sockets.emplace_back();
            EXPECT_EQ(socket.join(socket.group("events")), 0);
        }
        auto& reading = sockets.emplace_back();
        reading.ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP, snapshot_of(synth.info().id, 2048));
        EXPECT_GT(reading.receive(), 0);
    }
    EXPECT_EQ(remove_module("statchan_synth"), 0);
    EXPECT_EQ(remove_module("statchan_netdev"), 0);
    EXPECT_EQ(remove_module("statchan"), EWOULDBLOCK) << "a dump is under way";
    EXPECT_EQ(sockets.back().finish().error, 0) << "and comes to its end";
    ASSERT_EQ(remove_module("statchan"), 0);
    for (auto& socket : sockets) {
        EXPECT_TRUE(socket.drain());
        socket.ask(STATCHAN_CMD_VERSION_GET, 0);
        EXPECT_EQ(socket.finish().error, ENOENT) << "of a family that is gone";
    }
    for (const auto* name : {"statchan", "statchan_synth", "statchan_netdev"})
        EXPECT_EQ(load_module(name), 0) << name;
    RawNetlink fresh;
    ASSERT_NE(fresh.family(), 0);
    fresh.ask(STATCHAN_CMD_TRANSPORT_GET, NLM_F_DUMP);
    EXPECT_GT(fresh.finish().messages, 3U);
}
