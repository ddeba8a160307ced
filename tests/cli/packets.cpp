// SPDX-License-Identifier: MIT
#include "packets.hpp"

namespace test {

namespace {

Packet be16(std::size_t value) {
    return {static_cast<std::byte>(value >> 8U), static_cast<std::byte>(value)};
}

}  // namespace

Packet hex(std::string_view digits) {
    Packet bytes;
    std::string pair;
    for (const char c : digits) {
        if (c == ' ') continue;
        pair += c;
        if (pair.size() < 2) continue;
        bytes.push_back(static_cast<std::byte>(std::stoul(pair, nullptr, 16)));
        pair.clear();
    }
    return bytes;
}

Packet join(std::initializer_list<Packet> parts) {
    Packet bytes;
    for (const auto& part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    return bytes;
}

Packet zeroes(std::size_t count) { return Packet(count); }

Packet ethernet(std::uint16_t type, const Packet& payload) {
    return join({hex("020000000002 020000000001"), be16(type), payload});
}

Packet ipv4(std::uint8_t protocol, const Packet& payload, std::uint16_t fragment) {
    return join({hex("4500"),
                 be16(20 + payload.size()),
                 hex("1234"),
                 be16(fragment),
                 hex("40"),
                 {std::byte{protocol}},
                 hex("0000 0a000001 0a000002"),
                 payload});
}

Packet ipv6(std::uint8_t next, const Packet& payload) {
    return join({hex("60000000"),
                 be16(payload.size()),
                 {std::byte{next}},
                 hex("40"),
                 hex("fe80000000000000 0000000000000001 ff02000000000000 0000000000000002"),
                 payload});
}

Packet udp(std::uint16_t source, std::uint16_t destination, const Packet& payload) {
    return join({be16(source), be16(destination), be16(8 + payload.size()), hex("0000"), payload});
}

Packet tcp(std::uint8_t flags, const Packet& options, const Packet& payload) {
    return join({hex("9c40 1451 00000064 000000c8"),
                 {static_cast<std::byte>((5 + options.size() / 4) << 4U), std::byte{flags}},
                 hex("01f6 0000 0000"),
                 options,
                 payload});
}

const std::vector<Known>& known_packets() {
    static const Packet syn_options = hex("020405b4 0402 080a 0000000100000000 01 030307");
    static const std::vector<Known> all{
        {"arp request",
         ethernet(0x0806, hex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002")),
         "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28"},
        {"arp reply",
         ethernet(0x0806, hex("0001 0800 06 04 0002 020000000002 0a000002 020000000001 0a000001")),
         "ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28"},
        {"tcp syn", ethernet(0x0800, ipv4(6, tcp(0x02, syn_options, {}))),
         "IP 10.0.0.1.40000 > 10.0.0.2.5201: Flags [S], seq 100, win 502, options [mss "
         "1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0"},
        {"tcp data", ethernet(0x0800, ipv4(6, tcp(0x18, {}, zeroes(30)))),
         "IP 10.0.0.1.40000 > 10.0.0.2.5201: Flags [P.], seq 100:130, ack 200, win 502, length 30"},
        {"tcp ack", ethernet(0x0800, ipv4(6, tcp(0x10, {}, {}))),
         "IP 10.0.0.1.40000 > 10.0.0.2.5201: Flags [.], ack 200, win 502, length 0"},
        {"tcp sack", ethernet(0x0800, ipv4(6, tcp(0x10, hex("0101 050a 0000012c 00000190"), {}))),
         "IP 10.0.0.1.40000 > 10.0.0.2.5201: Flags [.], ack 200, win 502, options [nop,nop,sack 1 "
         "{300:400}], length 0"},
        {"tcp rst", ethernet(0x0800, ipv4(6, tcp(0x04, {}, {}))),
         "IP 10.0.0.1.40000 > 10.0.0.2.5201: Flags [R], seq 100, win 502, length 0"},
        {"tcp of ipv6", ethernet(0x86dd, ipv6(6, tcp(0x11, {}, {}))),
         "IP6 fe80::1.40000 > ff02::2.5201: Flags [F.], seq 100, ack 200, win 502, length 0"},
        {"udp", ethernet(0x0800, ipv4(17, udp(40001, 5201, zeroes(64)))),
         "IP 10.0.0.1.40001 > 10.0.0.2.5201: UDP, length 64"},
        {"udp of ipv6", ethernet(0x86dd, ipv6(17, udp(40001, 5201, zeroes(3)))),
         "IP6 fe80::1.40001 > ff02::2.5201: UDP, length 3"},
        {"ping", ethernet(0x0800, ipv4(1, join({hex("0800 0000 0007 0001"), zeroes(56)}))),
         "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64"},
        {"pong", ethernet(0x0800, ipv4(1, join({hex("0000 0000 0007 0001"), zeroes(56)}))),
         "IP 10.0.0.1 > 10.0.0.2: ICMP echo reply, id 7, seq 1, length 64"},
        {"ping of ipv6", ethernet(0x86dd, ipv6(58, join({hex("8000 0000 0007 0002"), zeroes(4)}))),
         "IP6 fe80::1 > ff02::2: ICMP6, echo request, id 7, seq 2, length 12"},
        {"neighbour",
         ethernet(0x86dd, ipv6(58, hex("8700 0000 00000000 fe80000000000000 0000000000000002"))),
         "IP6 fe80::1 > ff02::2: ICMP6, neighbor solicitation, who has fe80::2, length 24"},
        {"mld",
         ethernet(0x86dd,
                  ipv6(0, join({hex("3a00 0502 0000 0100"), hex("8f00 0000 0000 0001 04000000"),
                                hex("ff020000000000000000000000000001")}))),
         "IP6 fe80::1 > ff02::2: HBH ICMP6, multicast listener report v2, 1 group record(s), "
         "length 28"},
        {"padding is not payload",
         join({ethernet(0x0800, ipv4(17, udp(40001, 5201, zeroes(1)))), zeroes(17)}),
         "IP 10.0.0.1.40001 > 10.0.0.2.5201: UDP, length 1"},
    };
    return all;
}

}  // namespace test
