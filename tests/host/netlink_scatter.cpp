// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <linux/genetlink.h>

#include <memory>
#include <random>

#include "netlink/scatter.hpp"

namespace {

using namespace statchan::detail;

// A piece as the kernel sends it, with something after it in the same datagram.
struct Datagram {
    explicit Datagram(std::size_t payload, std::size_t after = 0) {
        Request request{33, STATCHAN_CMD_SNAPSHOT_GET, 0, 1};
        request.put_u64(STATCHAN_A_GENERATION, 9).put_u64(STATCHAN_A_OFFSET, 0);
        request.put_text(STATCHAN_A_DATA, std::string(payload - 1, 'd'));
        const auto message = request.finish(3);
        bytes.assign(message.begin(), message.end());
        head = bytes.size() - payload;
        bytes.resize(bytes.size() + after, std::byte{'a'});
    }

    // Received into three buffers of exactly these sizes.
    [[nodiscard]] Parts receive(std::size_t head_size, std::size_t place_size) {
        buffers[0].reset(new std::uint64_t[head_size / 8 + 1]);
        buffers[1].reset(new std::uint64_t[place_size / 8 + 1]);
        buffers[2].reset(new std::uint64_t[8192]);
        const std::size_t sizes[] = {head_size, place_size, 65536};
        std::span<const std::byte> part[3];
        std::size_t at = 0;
        for (int i = 0; i < 3; ++i) {
            auto* to = reinterpret_cast<std::byte*>(buffers[i].get());
            const auto n = std::min(sizes[i], bytes.size() - at);
            if (n != 0) std::memcpy(to, bytes.data() + at, n);
            at += n;
            part[i] = {to, sizes[i]};
        }
        return cut_parts(part[0], part[1], part[2], bytes.size());
    }

    std::vector<std::byte> bytes;
    std::size_t head = 0;
    std::unique_ptr<std::uint64_t[]> buffers[3];
};

TEST(Scatter, BulkIsInItsPlace) {
    Datagram datagram{64};
    const auto parts = datagram.receive(datagram.head, 1000);
    EXPECT_EQ(parts.size(), datagram.bytes.size());
    const auto message = read_scattered(parts);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->seq, 3U);
    EXPECT_EQ(message->attrs.u64(STATCHAN_A_GENERATION), 9U);
    EXPECT_EQ(message->attrs.bytes(STATCHAN_A_DATA).data(), parts.place.data());
    EXPECT_EQ(message->attrs.bytes(STATCHAN_A_DATA).size(), 64U);
}

TEST(Scatter, WhatFollowsIsGathered) {
    for (const auto place : {64UL, 70UL, 1000UL}) {
        Datagram datagram{64, 20};
        const auto parts = datagram.receive(datagram.head, place);
        ASSERT_TRUE(read_scattered(parts));
        const auto rest = gather(parts, datagram.head + 64);
        EXPECT_EQ(rest, std::vector<std::byte>(20, std::byte{'a'}));
    }
}

TEST(Scatter, AnotherLayoutIsNotTakenForThis) {
    Datagram datagram{64};
    for (const auto head : {datagram.head - 4, datagram.head + 4, std::size_t{8}, std::size_t{0},
                            datagram.bytes.size(), datagram.bytes.size() + 100}) {
        const auto parts = datagram.receive(head, 1000);
        EXPECT_FALSE(read_scattered(parts)) << head;
        EXPECT_EQ(gather(parts, 0), datagram.bytes);
    }
}

TEST(Scatter, BulkBeyondItsPlaceIsNotTaken) {
    Datagram datagram{64};
    EXPECT_FALSE(read_scattered(datagram.receive(datagram.head, 56)));
}

TEST(Scatter, SurvivesRandomBytes) {
    std::mt19937_64 random{5};
    for (int round = 0; round < 20000; ++round) {
        Datagram datagram{64, random() % 24};
        for (int change = 0; change < 2; ++change)
            datagram.bytes[random() % datagram.head] = static_cast<std::byte>(random());
        const auto parts = datagram.receive(datagram.head, 60 + random() % 8);
        if (const auto message = read_scattered(parts)) {
            ASSERT_LE(message->attrs.bytes(STATCHAN_A_DATA).size(), parts.place.size());
        }
        ASSERT_EQ(gather(parts, 0), datagram.bytes);
    }
}

}  // namespace
