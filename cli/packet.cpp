// SPDX-License-Identifier: MIT
//
// Link layer, ARP and what is common to all; the layers above are in packet_ip.cpp.
#include "packet.hpp"

#include <arpa/inet.h>

#include <array>

#include "packet_bytes.hpp"

namespace statctl {

namespace detail {

namespace {

constexpr std::uint16_t ethertype_ipv4 = 0x0800;
constexpr std::uint16_t ethertype_arp = 0x0806;
constexpr std::uint16_t ethertype_vlan = 0x8100;
constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
constexpr std::uint16_t ethertype_qinq = 0x88a8;
constexpr std::uint16_t ethertype_lldp = 0x88cc;
constexpr std::uint16_t ethertype_min = 0x0600;  // below: a length, of 802.3

constexpr std::size_t ethernet_bytes = 14;
constexpr std::size_t vlan_bytes = 4;

std::string address(int family, const Bytes& bytes, std::size_t offset, std::size_t size) {
    std::array<std::uint8_t, 16> raw{};
    for (std::size_t i = 0; i < size; ++i) raw[i] = bytes.byte(offset + i);
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(family, raw.data(), text.data(), text.size());
    return text.data();
}

void describe_arp(std::string& text, const Bytes& bytes) {
    constexpr std::size_t arp_bytes = 28;
    text += "ARP, ";
    const bool ipv4_on_ethernet = bytes.get<std::uint16_t>(0) == 1 &&
                                  bytes.get<std::uint16_t>(2) == ethertype_ipv4 &&
                                  bytes.byte(4) == 6 && bytes.byte(5) == 4;
    const auto operation = bytes.get<std::uint16_t>(6);
    if (!bytes.has(arp_bytes)) {
        text += "[|arp]";
    } else if (ipv4_on_ethernet && operation == 1) {
        say(text, "Request who-has {} tell {}", ipv4_address(bytes, 24), ipv4_address(bytes, 14));
    } else if (ipv4_on_ethernet && operation == 2) {
        say(text, "Reply {} is-at {}", ipv4_address(bytes, 14), mac_address(bytes, 8));
    } else {
        say(text, "operation {}", operation);
    }
    say(text, ", length {}", bytes.length());
}

void describe_vlan_tag(std::string& text, std::uint16_t tci) {
    say(text, "vlan {}, p {}, ", tci & 0xfffU, tci >> 13U);
    if ((tci & 0x1000U) != 0) text += "DEI, ";
}

// @p frame is from the Ethernet header on, @p payload what its type announces.
void describe_ethertype(std::string& text, std::uint16_t type, const Bytes& payload,
                        const Bytes& frame) {
    switch (type) {
        case ethertype_ipv4:
            return describe_ipv4(text, payload);
        case ethertype_ipv6:
            return describe_ipv6(text, payload);
        case ethertype_arp:
            return describe_arp(text, payload);
        case ethertype_lldp:
            return say(text, "LLDP, length {}", payload.length());
        default:
            say(text, "{} > {}, ", mac_address(frame, 6), mac_address(frame, 0));
            if (type < ethertype_min) text += "802.3";
            if (type >= ethertype_min) say(text, "ethertype 0x{:04x}", type);
            say(text, ", length {}", frame.length());
    }
}

void describe_ethernet(std::string& text, const Bytes& frame) {
    if (!frame.has(ethernet_bytes)) return say(text, "[|ether], length {}", frame.length());
    auto type = frame.get<std::uint16_t>(12);
    std::size_t offset = ethernet_bytes;
    while ((type == ethertype_vlan || type == ethertype_qinq) && frame.has(offset + vlan_bytes)) {
        describe_vlan_tag(text, frame.get<std::uint16_t>(offset));
        type = frame.get<std::uint16_t>(offset + 2);
        offset += vlan_bytes;
    }
    describe_ethertype(text, type, frame.from(offset), frame);
}

void describe_ip(std::string& text, const Bytes& bytes) {
    switch (bytes.byte(0) >> 4U) {
        case 4:
            return describe_ipv4(text, bytes);
        case 6:
            return describe_ipv6(text, bytes);
        default:
            return say(text, "no IP header, length {}", bytes.length());
    }
}

}  // namespace

std::string ipv4_address(const Bytes& bytes, std::size_t offset) {
    return address(AF_INET, bytes, offset, 4);
}

std::string ipv6_address(const Bytes& bytes, std::size_t offset) {
    return address(AF_INET6, bytes, offset, 16);
}

std::string mac_address(const Bytes& bytes, std::size_t offset) {
    std::string text;
    for (std::size_t i = 0; i < 6; ++i) say(text, "{}{:02x}", i ? ":" : "", bytes.byte(offset + i));
    return text;
}

}  // namespace detail

std::string describe(const Packet& packet) {
    const detail::Bytes bytes{packet.captured, packet.length};
    std::string text;
    if (packet.vlan) detail::describe_vlan_tag(text, packet.vlan->tci);
    switch (packet.link) {
        case Link::ethernet:
            detail::describe_ethernet(text, bytes);
            break;
        case Link::ip:
            detail::describe_ip(text, bytes);
            break;
        case Link::opaque:
            detail::say(text, "data, length {}", bytes.length());
            break;
    }
    return text;
}

std::string hexdump(std::span<const std::byte> bytes) {
    constexpr std::size_t per_line = 16;
    std::string text;
    for (std::size_t line = 0; line < bytes.size(); line += per_line) {
        const auto part = bytes.subspan(line, std::min(per_line, bytes.size() - line));
        std::string hex;
        std::string characters;
        for (std::size_t i = 0; i < part.size(); ++i) {
            const auto value = std::to_integer<unsigned>(part[i]);
            detail::say(hex, "{}{:02x}", i % 2 == 0 ? " " : "", value);
            characters += value >= 0x20 && value < 0x7f ? static_cast<char>(value) : '.';
        }
        detail::say(text, "\t0x{:04x}: {:<40}  {}\n", line, hex, characters);
    }
    return text;
}

}  // namespace statctl
