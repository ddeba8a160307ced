// SPDX-License-Identifier: MIT
//
// The decoder from the IP header on; TCP, with its options, is in packet_tcp.cpp.
#include <netinet/in.h>

#include <string_view>

#include "packet_bytes.hpp"

namespace statctl::detail {

namespace {

// A header that was cut: its name in tcpdump's brackets, and the length on the wire.
void describe_cut(std::string& text, std::string_view name, const Bytes& bytes) {
    say(text, "[|{}], length {}", name, bytes.length());
}

void describe_udp(std::string& text, const Bytes& bytes) {
    constexpr std::size_t udp_bytes = 8;
    if (!bytes.has(udp_bytes)) return describe_cut(text, "udp", bytes);
    const std::size_t length = bytes.get<std::uint16_t>(4);
    if (length != 0 && length < udp_bytes) return say(text, "UDP, bad length {}", length);
    // 0: a jumbogram, or segments that the kernel has put together.
    say(text, "UDP, length {}", (length == 0 ? bytes.length() : length) - udp_bytes);
}

void describe_icmp(std::string& text, const Bytes& bytes) {
    constexpr std::size_t icmp_bytes = 8;
    text += "ICMP ";
    if (!bytes.has(icmp_bytes)) return describe_cut(text, "icmp", bytes);
    const unsigned type = bytes.byte(0);
    const unsigned code = bytes.byte(1);
    switch (type) {
        case 0:
        case 8:
            say(text, "echo {}, id {}, seq {}", type == 0 ? "reply" : "request",
                bytes.get<std::uint16_t>(4), bytes.get<std::uint16_t>(6));
            break;
        case 3:
            say(text, "unreachable, code {}", code);
            break;
        case 5:
            say(text, "redirect to {}", ipv4_address(bytes, 4));
            break;
        case 11:
            say(text, "time exceeded, code {}", code);
            break;
        default:
            say(text, "type {}, code {}", type, code);
    }
    say(text, ", length {}", bytes.length());
}

void describe_icmp6(std::string& text, const Bytes& bytes) {
    constexpr std::size_t icmp6_bytes = 8;
    constexpr std::size_t neighbor_bytes = 24;
    text += "ICMP6, ";
    if (!bytes.has(icmp6_bytes)) return describe_cut(text, "icmp6", bytes);
    const unsigned type = bytes.byte(0);
    switch (type) {
        case 128:
        case 129:
            say(text, "echo {}, id {}, seq {}", type == 129 ? "reply" : "request",
                bytes.get<std::uint16_t>(4), bytes.get<std::uint16_t>(6));
            break;
        case 133:
            text += "router solicitation";
            break;
        case 134:
            text += "router advertisement";
            break;
        case 135:
        case 136:
            if (!bytes.has(neighbor_bytes)) return describe_cut(text, "icmp6", bytes);
            say(text, "neighbor {} {}",
                type == 135 ? "solicitation, who has" : "advertisement, tgt is",
                ipv6_address(bytes, 8));
            break;
        case 143:
            say(text, "multicast listener report v2, {} group record(s)",
                bytes.get<std::uint16_t>(6));
            break;
        default:
            say(text, "type {}, code {}", type, bytes.byte(1));
    }
    say(text, ", length {}", bytes.length());
}

constexpr bool has_ports(unsigned protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

// An extension header of IPv6 that announces the next one.
struct Extension {
    std::string_view name;
    std::size_t bytes;
};

Extension extension(unsigned protocol, const Bytes& bytes) {
    const std::size_t in_header = (std::size_t{bytes.byte(1)} + 1) * 8;
    switch (protocol) {
        case IPPROTO_HOPOPTS:
            return {"HBH ", in_header};
        case IPPROTO_ROUTING:
            return {"RT6 ", in_header};
        case IPPROTO_DSTOPTS:
            return {"DSTOPT ", in_header};
        default:
            return {"", 0};
    }
}

}  // namespace

void describe_transport(std::string& text, unsigned protocol, const Bytes& bytes,
                        const std::string& source, const std::string& destination,
                        const std::string& extensions) {
    if (has_ports(protocol) && bytes.has(4)) {
        say(text, "{}.{} > {}.{}: {}", source, bytes.get<std::uint16_t>(0), destination,
            bytes.get<std::uint16_t>(2), extensions);
    } else {
        say(text, "{} > {}: {}", source, destination, extensions);
    }
    switch (protocol) {
        case IPPROTO_TCP:
            return describe_tcp(text, bytes);
        case IPPROTO_UDP:
            return describe_udp(text, bytes);
        case IPPROTO_ICMP:
            return describe_icmp(text, bytes);
        case IPPROTO_ICMPV6:
            return describe_icmp6(text, bytes);
        default:
            return say(text, "ip-proto-{}, length {}", protocol, bytes.length());
    }
}

void describe_ipv4(std::string& text, const Bytes& bytes) {
    constexpr std::size_t ipv4_bytes = 20;
    text += "IP ";
    if (!bytes.has(ipv4_bytes)) return describe_cut(text, "ip", bytes);
    const std::size_t header = (bytes.byte(0) & 0xfU) * std::size_t{4};
    // 0 in the packets that the kernel hands to a card to be cut to segments.
    const std::size_t in_header = bytes.get<std::uint16_t>(2);
    const std::size_t total = in_header == 0 ? bytes.length() : in_header;
    if (bytes.byte(0) >> 4U != 4) return say(text, "version {}", bytes.byte(0) >> 4U);
    if (header < ipv4_bytes || total < header) {
        return say(text, "bad header: {} bytes of header, {} in all", header, total);
    }
    const auto source = ipv4_address(bytes, 12);
    const auto destination = ipv4_address(bytes, 16);
    const unsigned protocol = bytes.byte(9);
    const auto payload = bytes.ended_at(total).from(header);
    if (const auto fragment = bytes.get<std::uint16_t>(6) & 0x1fffU; fragment != 0) {
        return say(text, "{} > {}: ip-proto-{} fragment at {}, length {}", source, destination,
                   protocol, fragment * 8, payload.length());
    }
    describe_transport(text, protocol, payload, source, destination, {});
}

void describe_ipv6(std::string& text, const Bytes& bytes) {
    constexpr std::size_t ipv6_bytes = 40;
    text += "IP6 ";
    if (!bytes.has(ipv6_bytes)) return describe_cut(text, "ip6", bytes);
    if (bytes.byte(0) >> 4U != 6) return say(text, "version {}", bytes.byte(0) >> 4U);
    const auto source = ipv6_address(bytes, 8);
    const auto destination = ipv6_address(bytes, 24);
    unsigned protocol = bytes.byte(6);
    const std::size_t in_header = bytes.get<std::uint16_t>(4);
    auto payload =
        bytes.ended_at(in_header == 0 ? bytes.length() : ipv6_bytes + in_header).from(ipv6_bytes);
    std::string extensions;
    // Ends: each extension takes at least 8 of the captured bytes.
    while (payload.has(8)) {
        const auto [name, size] = extension(protocol, payload);
        if (size == 0) break;
        extensions += name;
        protocol = payload.byte(0);
        payload = payload.from(size);
    }
    if (protocol == IPPROTO_FRAGMENT) {
        return say(text, "{} > {}: {}frag, length {}", source, destination, extensions,
                   payload.length());
    }
    describe_transport(text, protocol, payload, source, destination, extensions);
}

}  // namespace statctl::detail
