// SPDX-License-Identifier: MIT
//
// One line about a packet, in the words of tcpdump. Believes nothing: every byte may be hostile
// or cut off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <statchan/record.hpp>
#include <string>

namespace statctl {

/// What the captured bytes begin with.
enum class Link : std::uint8_t {
    ethernet,
    ip,      ///< an IP header, version 4 or 6
    opaque,  ///< no packet, or of a link layer that statctl does not know
};

/// A packet as it was captured.
struct Packet {
    std::span<const std::byte> captured;
    std::uint32_t length = 0;  ///< before it was cut
    Link link = Link::ethernet;
    std::optional<statchan::Vlan> vlan;  ///< tag that was taken out of the bytes
};

/// "IP 10.0.0.1.80 > 10.0.0.2.4711: Flags [S], seq 1, win 64, length 0"
[[nodiscard]] std::string describe(const Packet& packet);

/// Lines of offset, hexadecimal and characters, each ended by a newline.
[[nodiscard]] std::string hexdump(std::span<const std::byte> bytes);

}  // namespace statctl
