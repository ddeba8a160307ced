// SPDX-License-Identifier: MIT
#include "pcapng.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstring>
#include <statchan/types.hpp>

namespace statctl {

namespace {

constexpr std::uint32_t block_section = 0x0a0d0d0a;
constexpr std::uint32_t block_interface = 1;
constexpr std::uint32_t block_statistics = 5;
constexpr std::uint32_t block_packet = 6;

constexpr std::uint16_t opt_end = 0;
constexpr std::uint16_t opt_comment = 1;
constexpr std::uint16_t shb_hardware = 2;
constexpr std::uint16_t shb_os = 3;
constexpr std::uint16_t shb_application = 4;
constexpr std::uint16_t if_name = 2;
constexpr std::uint16_t if_description = 3;
constexpr std::uint16_t if_tsresol = 9;
constexpr std::uint16_t epb_flags = 2;
constexpr std::uint16_t epb_dropcount = 4;
constexpr std::uint16_t epb_queue = 6;
constexpr std::uint16_t isb_osdrop = 7;
constexpr std::uint16_t isb_usrdeliv = 8;

constexpr std::uint8_t tsresol_ns = 9;  // 10^-9 s
constexpr std::size_t max_option = 65535;

}  // namespace

PcapngWriter::PcapngWriter(Out& out) : out_{out} {
    utsname system{};
    ::uname(&system);
    begin(block_section);
    put(std::uint32_t{0x1a2b3c4d});
    put(std::uint16_t{1});
    put(std::uint16_t{0});
    put(~std::uint64_t{0});  // length of the section: not known yet
    option(shb_hardware, std::string_view{system.machine});
    option(shb_os, fmt::format("{} {}", system.sysname, system.release));
    option(shb_application, fmt::format("statctl {}", statchan::library_version()));
    option(opt_end, std::string_view{});
    end();
}

std::uint32_t PcapngWriter::add_interface(const Interface& interface) {
    begin(block_interface);
    put(interface.link);
    put(std::uint16_t{0});
    put(interface.snaplen);
    option(if_name, interface.name);
    if (!interface.description.empty()) option(if_description, interface.description);
    option(if_tsresol, tsresol_ns);
    option(opt_end, std::string_view{});
    end();
    return interfaces_++;
}

void PcapngWriter::add_packet(const Packet& packet,
                              std::span<const std::span<const std::byte>> parts) {
    std::size_t captured = 0;
    for (const auto& part : parts) captured += part.size();
    begin(block_packet);
    put(packet.interface);
    put_time(packet.time_ns);
    put(static_cast<std::uint32_t>(captured));
    put(packet.length);
    for (const auto& part : parts) put_bytes(part);
    pad();
    if (packet.direction != Direction::unknown) {
        option(epb_flags, static_cast<std::uint32_t>(packet.direction));
    }
    if (packet.lost_before != 0) option(epb_dropcount, packet.lost_before);
    if (packet.queue) option(epb_queue, *packet.queue);
    if (!packet.comment.empty()) option(opt_comment, packet.comment);
    option(opt_end, std::string_view{});
    end();
}

void PcapngWriter::add_statistics(const Statistics& statistics) {
    begin(block_statistics);
    put(statistics.interface);
    put_time(statistics.time_ns);
    if (!statistics.comment.empty()) option(opt_comment, statistics.comment);
    if (statistics.lost) option(isb_osdrop, *statistics.lost);
    option(isb_usrdeliv, statistics.delivered);
    option(opt_end, std::string_view{});
    end();
}

// A block is type, length, body, length again. begin() leaves room for the first length.
void PcapngWriter::begin(std::uint32_t type) {
    block_.clear();
    put(type);
    put(std::uint32_t{0});
}

void PcapngWriter::end() {
    const auto length = static_cast<std::uint32_t>(block_.size() + sizeof(std::uint32_t));
    std::memcpy(block_.data() + sizeof(std::uint32_t), &length, sizeof length);
    put(length);
    out_.write(block_);
}

template <std::unsigned_integral T>
void PcapngWriter::put(T value) {
    put_bytes(std::as_bytes(std::span{&value, 1}));
}

void PcapngWriter::put_bytes(std::span<const std::byte> bytes) {
    block_.insert(block_.end(), bytes.begin(), bytes.end());
}

void PcapngWriter::pad() { block_.resize((block_.size() + 3) & ~std::size_t{3}); }

template <std::unsigned_integral T>
void PcapngWriter::option(std::uint16_t code, T value) {
    put(code);
    put(static_cast<std::uint16_t>(sizeof value));
    put(value);
    pad();
}

void PcapngWriter::option(std::uint16_t code, std::string_view text) {
    text = text.substr(0, std::min(text.size(), max_option));
    put(code);
    put(static_cast<std::uint16_t>(text.size()));
    put_bytes(std::as_bytes(std::span{text.data(), text.size()}));
    pad();
}

// High and low half, in this order on every machine.
void PcapngWriter::put_time(std::uint64_t ns) {
    put(static_cast<std::uint32_t>(ns >> 32U));
    put(static_cast<std::uint32_t>(ns));
}

}  // namespace statctl
