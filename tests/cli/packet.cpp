// SPDX-License-Identifier: MIT
//
// The decoder says what tcpdump would say, and is honest about what was cut off.
#include "packet.hpp"

#include <gtest/gtest.h>

#include "packets.hpp"

namespace {

using statctl::Link;
using test::ethernet;
using test::hex;
using test::ipv4;
using test::join;

std::string describe(const test::Packet& bytes, Link link = Link::ethernet) {
    return statctl::describe({.captured = bytes,
                              .length = static_cast<std::uint32_t>(bytes.size()),
                              .link = link,
                              .vlan = {}});
}

// What is said of the first @p captured bytes.
std::string describe_cut(const test::Packet& bytes, std::size_t captured) {
    return statctl::describe({.captured = std::span{bytes}.first(captured),
                              .length = static_cast<std::uint32_t>(bytes.size()),
                              .link = Link::ethernet,
                              .vlan = {}});
}

TEST(Packet, KnownOnesInTcpdumpsWords) {
    for (const auto& known : test::known_packets()) {
        EXPECT_EQ(describe(known.bytes), known.words) << known.name;
    }
}

TEST(Packet, LengthsAreThoseOnTheWireWhenCut) {
    const auto data = ethernet(0x0800, ipv4(6, test::tcp(0x18, {}, test::zeroes(1000))));
    EXPECT_EQ(describe_cut(data, 64),
              "IP 10.0.0.1.40000 > 10.0.0.2.5201: Flags [P.], seq 100:1100, ack 200, win 502, "
              "length 1000");
    EXPECT_EQ(describe_cut(data, 40), "IP 10.0.0.1.40000 > 10.0.0.2.5201: [|tcp], length 1020");
    EXPECT_EQ(describe_cut(data, 36), "IP 10.0.0.1 > 10.0.0.2: [|tcp], length 1020");
    EXPECT_EQ(describe_cut(data, 33), "IP [|ip], length 1040");
    EXPECT_EQ(describe_cut(data, 13), "[|ether], length 1054");
    EXPECT_EQ(describe_cut(data, 0), "[|ether], length 1054");
}

TEST(Packet, OptionsThatWereCut) {
    const auto syn = ethernet(0x0800, ipv4(6, test::tcp(0x02, hex("020405b4 0402 0101"), {})));
    EXPECT_EQ(describe_cut(syn, 14 + 20 + 20 + 2),
              "IP 10.0.0.1.40000 > 10.0.0.2.5201: Flags [S], seq 100, win 502, options [|tcp], "
              "length 0");
}

TEST(Packet, VlanTagInTheBytesOrBesideThem) {
    const auto inner = ipv4(17, test::udp(1, 2, {}));
    const std::string words = "vlan 100, p 5, IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 0";
    EXPECT_EQ(describe(ethernet(0x8100, join({hex("a064 0800"), inner}))), words);
    const auto untagged = ethernet(0x0800, inner);
    EXPECT_EQ(statctl::describe({.captured = untagged,
                                 .length = static_cast<std::uint32_t>(untagged.size()),
                                 .link = Link::ethernet,
                                 .vlan = statchan::Vlan{.tci = 0xa064, .protocol = 0x8100}}),
              words);
    EXPECT_EQ(describe(ethernet(0x88a8, join({hex("000a 8100 0064 0800"), inner}))),
              "vlan 10, p 0, vlan 100, p 0, IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 0");
}

TEST(Packet, WithoutALinkLayer) {
    EXPECT_EQ(describe(ipv4(17, test::udp(1, 2, {})), Link::ip),
              "IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 0");
    EXPECT_EQ(describe(hex("00"), Link::ip), "no IP header, length 1");
    EXPECT_EQ(describe(test::zeroes(5), Link::opaque), "data, length 5");
}

TEST(Packet, OffloadedPacketsWhoseHeaderSaysZero) {
    auto big = ethernet(0x0800, ipv4(6, test::tcp(0x10, {}, test::zeroes(40))));
    big[16] = big[17] = std::byte{0};
    EXPECT_EQ(statctl::describe({.captured = big, .length = 70054, .link = {}, .vlan = {}}),
              "IP 10.0.0.1.40000 > 10.0.0.2.5201: Flags [.], seq 100:70100, ack 200, win 502, "
              "length 70000");
}

TEST(Packet, OthersByNumber) {
    EXPECT_EQ(describe(ethernet(0x88b5, test::zeroes(46))),
              "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x88b5, length 60");
    EXPECT_EQ(describe(ethernet(0x0026, test::zeroes(46))),
              "02:00:00:00:00:01 > 02:00:00:00:00:02, 802.3, length 60");
    EXPECT_EQ(describe(ethernet(0x0800, ipv4(47, test::zeroes(8)))),
              "IP 10.0.0.1 > 10.0.0.2: ip-proto-47, length 8");
    EXPECT_EQ(describe(ethernet(0x0800, ipv4(17, test::zeroes(100), 185))),
              "IP 10.0.0.1 > 10.0.0.2: ip-proto-17 fragment at 1480, length 100");
}

TEST(Packet, HeadersThatLie) {
    auto version = ethernet(0x0800, ipv4(17, test::udp(1, 2, {})));
    version[14] = std::byte{0x65};
    EXPECT_EQ(describe(version), "IP version 6");
    auto header = ethernet(0x0800, ipv4(17, test::udp(1, 2, {})));
    header[14] = std::byte{0x41};
    EXPECT_EQ(describe(header), "IP bad header: 4 bytes of header, 28 in all");
    auto offset = ethernet(0x0800, ipv4(6, test::tcp(0x10, {}, {})));
    offset[14 + 20 + 12] = std::byte{0xf0};
    EXPECT_EQ(describe(offset),
              "IP 10.0.0.1.40000 > 10.0.0.2.5201: tcp, bad header of 60 bytes, length 20");
    auto udp = ethernet(0x0800, ipv4(17, test::udp(1, 2, {})));
    udp[14 + 20 + 5] = std::byte{3};
    EXPECT_EQ(describe(udp), "IP 10.0.0.1.1 > 10.0.0.2.2: UDP, bad length 3");
}

TEST(Packet, Hexdump) {
    EXPECT_EQ(statctl::hexdump(hex("4500 0054 7e41")),
              "\t0x0000:  4500 0054 7e41                           E..T~A\n");
    EXPECT_EQ(statctl::hexdump({}), "");
    EXPECT_NE(statctl::hexdump(test::zeroes(17)).find("\t0x0010:  00   "), std::string::npos);
}

}  // namespace
