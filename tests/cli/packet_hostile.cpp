// SPDX-License-Identifier: MIT
//
// No bytes make the decoder leave its buffer or run for ever. Worth most with
// -DSTATCHAN_SANITIZE=address,undefined: each input is in a heap block of just its size.
#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "packet.hpp"
#include "packets.hpp"

namespace {

using statctl::Link;

// Describes a private copy that ends where the heap block ends.
void describe_exactly(std::span<const std::byte> bytes, std::uint32_t length, Link link) {
    const auto block = std::make_unique<std::byte[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), block.get());
    const auto text = statctl::describe(
        {.captured = {block.get(), bytes.size()}, .length = length, .link = link, .vlan = {}});
    ASSERT_FALSE(text.empty());
    ASSERT_LT(text.size(), 2000U) << text;
    ASSERT_EQ(text.find('\n'), std::string::npos);
}

void describe_all_ways(std::span<const std::byte> bytes, std::uint32_t length) {
    for (const auto link : {Link::ethernet, Link::ip, Link::opaque}) {
        describe_exactly(bytes, length, link);
    }
}

TEST(HostilePackets, CutAtEveryByte) {
    for (const auto& known : test::known_packets()) {
        const std::span bytes{known.bytes};
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
            const auto length = static_cast<std::uint32_t>(bytes.size());
            describe_all_ways(bytes.first(cut), length);
            describe_all_ways(bytes.first(cut), static_cast<std::uint32_t>(cut));
            // A length that lies: shorter than what was captured, or absurd.
            describe_all_ways(bytes.first(cut), 0);
            describe_all_ways(bytes.first(cut), 0xffffffffU);
        }
    }
}

TEST(HostilePackets, EveryByteReplacedByEveryExtreme) {
    for (const auto& known : test::known_packets()) {
        auto bytes = known.bytes;
        for (auto& byte : bytes) {
            const auto before = byte;
            for (const unsigned value : {0x00U, 0x01U, 0x0fU, 0x7fU, 0x80U, 0xf0U, 0xfeU, 0xffU}) {
                byte = static_cast<std::byte>(value);
                describe_all_ways(bytes, static_cast<std::uint32_t>(bytes.size()));
            }
            byte = before;
        }
    }
}

TEST(HostilePackets, Noise) {
    std::mt19937 random{20240229};  // fixed: a failure can be repeated
    std::uniform_int_distribution<unsigned> any{0, 255};
    for (int round = 0; round < 20000; ++round) {
        const auto& seed = test::known_packets()[random() % test::known_packets().size()].bytes;
        auto bytes = seed;
        bytes.resize(random() % (seed.size() + 40));
        const auto changes = 1 + random() % 8;
        for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) {
            bytes[random() % bytes.size()] = static_cast<std::byte>(any(random));
        }
        describe_all_ways(bytes, static_cast<std::uint32_t>(random()));
    }
}

TEST(HostilePackets, ChainsOfHeadersEnd) {
    // VLAN tags, IPv6 extensions and TCP options to the end of the longest capture there is.
    test::Packet tags = test::hex("020000000002 020000000001");
    while (tags.size() < 2048)
        tags.insert(tags.end(), {std::byte{0x81}, std::byte{0}, std::byte{0}, std::byte{1}});
    const auto length = static_cast<std::uint32_t>(tags.size());
    EXPECT_FALSE(
        statctl::describe({.captured = tags, .length = length, .link = {}, .vlan = {}}).empty());
    const auto extensions = test::ethernet(0x86dd, test::ipv6(0, test::zeroes(32000)));
    EXPECT_FALSE(
        statctl::describe({.captured = extensions, .length = 32768, .link = {}, .vlan = {}})
            .empty());
    const auto options =
        test::ethernet(0x0800, test::ipv4(6, test::tcp(0xff, test::Packet(40, std::byte{1}), {})));
    describe_all_ways(options, static_cast<std::uint32_t>(options.size()));
}

}  // namespace
