// SPDX-License-Identifier: MIT
//
// Writes the pcapng file format (IETF draft-ietf-opsawg-pcapng): just what statctl has to say.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "out.hpp"

namespace statctl {

/// One section of a pcapng file. Numbers are in this machine's byte order, as the format wants.
class PcapngWriter {
  public:
    enum class Direction : std::uint8_t { unknown = 0, in = 1, out = 2 };

    /// Values of the registry of link types.
    static constexpr std::uint16_t link_ethernet = 1;
    static constexpr std::uint16_t link_raw_ip = 101;
    static constexpr std::uint16_t link_user0 = 147;

    struct Interface {
        std::string_view name;
        std::string_view description;
        std::uint16_t link = link_ethernet;
        std::uint32_t snaplen = 0;
    };

    struct Packet {
        std::uint32_t interface = 0;
        std::uint64_t time_ns = 0;  ///< since 1970
        std::uint32_t length = 0;   ///< before it was cut
        Direction direction = Direction::unknown;
        std::optional<std::uint32_t> queue;
        std::uint64_t lost_before = 0;  ///< between this packet and the one before
        std::string_view comment;
    };

    struct Statistics {
        std::uint32_t interface = 0;
        std::uint64_t time_ns = 0;
        std::uint64_t delivered = 0;        ///< packets written to this file
        std::optional<std::uint64_t> lost;  ///< where it is known for this interface
        std::string_view comment;
    };

    /// Starts the section. @p out must live longer.
    explicit PcapngWriter(Out& out);

    /// Returns the number by which packets name it.
    std::uint32_t add_interface(const Interface& interface);
    /// @p parts, one after another, are the captured bytes.
    void add_packet(const Packet& packet, std::span<const std::span<const std::byte>> parts);
    void add_statistics(const Statistics& statistics);

  private:
    void begin(std::uint32_t type);
    void end();
    template <std::unsigned_integral T>
    void put(T value);
    void put_bytes(std::span<const std::byte> bytes);
    void pad();
    template <std::unsigned_integral T>
    void option(std::uint16_t code, T value);
    void option(std::uint16_t code, std::string_view text);
    void put_time(std::uint64_t ns);

    Out& out_;
    std::vector<std::byte> block_;
    std::uint32_t interfaces_ = 0;
};

}  // namespace statctl
