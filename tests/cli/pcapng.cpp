// SPDX-License-Identifier: MIT
//
// The capture file is what the format says, and tshark reads all of it.
#include "pcapng.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <statchan/types.hpp>

#include "packets.hpp"
#include "run.hpp"

namespace {

using statctl::PcapngWriter;

// Bytes of a file, block by block, as the format defines them.
struct Block {
    std::uint32_t type = 0;
    std::string body;
};

std::uint32_t number(const std::string& bytes, std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

std::vector<Block> blocks_of(const std::string& bytes) {
    std::vector<Block> blocks;
    for (std::size_t at = 0; at < bytes.size();) {
        const auto length = number(bytes, at + 4);
        EXPECT_EQ(length % 4, 0U);
        EXPECT_LE(at + length, bytes.size());
        EXPECT_EQ(number(bytes, at + length - 4), length);
        if (length < 12 || at + length > bytes.size()) break;
        blocks.push_back({number(bytes, at), bytes.substr(at + 8, length - 12)});
        at += length;
    }
    return blocks;
}

// A capture of two interfaces, a cut packet, a loss and statistics.
void write_capture(const test::TemporaryFile& file) {
    statctl::Out out{file.fd()};
    PcapngWriter writer{out};
    const auto first = writer.add_interface({.name = "eth0",
                                             .description = "a source",
                                             .link = PcapngWriter::link_ethernet,
                                             .snaplen = 128});
    const auto second = writer.add_interface(
        {.name = "tun0", .description = "", .link = PcapngWriter::link_raw_ip, .snaplen = 128});
    const auto ping = test::known_packets()[10].bytes;
    const auto raw = test::ipv4(17, test::udp(40001, 5201, test::zeroes(5)));
    writer.add_packet({.interface = first,
                       .time_ns = 1'700'000'000'123'456'789,
                       .length = 1500,
                       .direction = PcapngWriter::Direction::in,
                       .queue = 3,
                       .comment = {}},
                      std::array{std::span<const std::byte>{ping}.first(12),
                                 std::span<const std::byte>{ping}.subspan(12)});
    writer.add_packet({.interface = second,
                       .time_ns = 1'700'000'001'000'000'000,
                       .length = static_cast<std::uint32_t>(raw.size()),
                       .direction = PcapngWriter::Direction::out,
                       .queue = {},
                       .lost_before = 214,
                       .comment = "cpu 1: 214 records lost"},
                      std::array{std::span<const std::byte>{raw}});
    writer.add_statistics({.interface = first,
                           .time_ns = 1'700'000'002'000'000'000,
                           .delivered = 1,
                           .lost = {},
                           .comment = {}});
    writer.add_statistics({.interface = second,
                           .time_ns = 1'700'000'002'000'000'000,
                           .delivered = 1,
                           .lost = 214,
                           .comment = "the end"});
    ASSERT_TRUE(out.flush());
}

TEST(Pcapng, BlocksAreWellFormed) {
    const test::TemporaryFile file;
    write_capture(file);
    const auto blocks = blocks_of(file.read());
    ASSERT_EQ(blocks.size(), 7U);
    const std::array<std::uint32_t, 7> types{0x0a0d0d0a, 1, 1, 6, 6, 5, 5};
    for (std::size_t i = 0; i < types.size(); ++i) EXPECT_EQ(blocks[i].type, types[i]) << i;
    EXPECT_EQ(number(blocks[0].body, 0), 0x1a2b3c4dU);
    EXPECT_NE(blocks[0].body.find(fmt::format("statctl {}", statchan::library_version())),
              std::string::npos);
    EXPECT_NE(blocks[0].body.find("Linux "), std::string::npos);
    EXPECT_NE(blocks[1].body.find("a source"), std::string::npos);
    EXPECT_EQ(number(blocks[3].body, 12), test::known_packets()[10].bytes.size());
    EXPECT_EQ(number(blocks[3].body, 16), 1500U);
}

TEST(Pcapng, TsharkReadsAllOfIt) {
    if (!test::has_program("tshark")) GTEST_SKIP() << "no tshark here";
    const test::TemporaryFile file;
    write_capture(file);
    const auto outcome = test::run({"tshark", "-n",
                                    "-r",     file.path(),
                                    "-T",     "fields",
                                    "-E",     "separator=|",
                                    "-e",     "frame.time_epoch",
                                    "-e",     "frame.interface_name",
                                    "-e",     "frame.len",
                                    "-e",     "frame.cap_len",
                                    "-e",     "frame.packet_flags_direction",
                                    "-e",     "frame.drop_count",
                                    "-e",     "frame.comment",
                                    "-e",     "_ws.col.Protocol"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out,
              "1700000000.123456789|eth0|1500|98|0x00000001|||ICMP\n"
              "1700000001.000000000|tun0|33|33|0x00000002|214|cpu 1: 214 records lost|UDP\n");
}

TEST(Pcapng, EmptyPacketsAndLongWordsDoNoHarm) {
    const test::TemporaryFile file;
    statctl::Out out{file.fd()};
    PcapngWriter writer{out};
    const std::string description(70000, 'x');
    const std::string comment(100000, 'y');
    const auto interface = writer.add_interface({.name = "", .description = description});
    writer.add_packet({.interface = interface, .queue = {}, .comment = comment}, {});
    ASSERT_TRUE(out.flush());
    EXPECT_EQ(blocks_of(file.read()).size(), 3U);
}

}  // namespace
