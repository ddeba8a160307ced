// SPDX-License-Identifier: MIT
//
// Packets to test decoders with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace test {

using Packet = std::vector<std::byte>;

/// Bytes from hexadecimal; spaces are skipped.
[[nodiscard]] Packet hex(std::string_view digits);
/// One after another.
[[nodiscard]] Packet join(std::initializer_list<Packet> parts);
[[nodiscard]] Packet zeroes(std::size_t count);

/// Headers with right lengths; checksums are 0, as on packets that a card has yet to finish.
[[nodiscard]] Packet ethernet(std::uint16_t type, const Packet& payload);
[[nodiscard]] Packet ipv4(std::uint8_t protocol, const Packet& payload, std::uint16_t fragment = 0);
[[nodiscard]] Packet ipv6(std::uint8_t next, const Packet& payload);
[[nodiscard]] Packet udp(std::uint16_t source, std::uint16_t destination, const Packet& payload);
/// @p options must be a multiple of 4 bytes.
[[nodiscard]] Packet tcp(std::uint8_t flags, const Packet& options, const Packet& payload);

/// A packet and the words tcpdump has for it.
struct Known {
    std::string name;
    Packet bytes;
    std::string words;
};

/// One of each sort that the decoder knows.
[[nodiscard]] const std::vector<Known>& known_packets();

}  // namespace test
