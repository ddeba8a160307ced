// SPDX-License-Identifier: MIT
//
// tcpdump itself reads our capture and agrees with our words.
#include <gtest/gtest.h>

#include <array>
#include <sstream>

#include "packets.hpp"
#include "pcapng.hpp"
#include "run.hpp"

namespace {

TEST(Packet, TcpdumpReadsTheCaptureAndSaysTheSame) {
    if (!test::has_program("tcpdump")) GTEST_SKIP() << "no tcpdump here";
    const test::TemporaryFile file;
    statctl::Out out{file.fd()};
    statctl::PcapngWriter writer{out};
    const auto interface = writer.add_interface({.name = "test0",
                                                 .description = "",
                                                 .link = statctl::PcapngWriter::link_ethernet,
                                                 .snaplen = 262144});
    for (const auto& known : test::known_packets()) {
        writer.add_packet({.interface = interface,
                           .time_ns = 1'700'000'000'000'000'000,
                           .length = static_cast<std::uint32_t>(known.bytes.size()),
                           .queue = {},
                           .comment = {}},
                          std::array{std::span<const std::byte>{known.bytes}});
    }
    ASSERT_TRUE(out.flush());
    const auto outcome = test::run({"tcpdump", "-t", "-nn", "-S", "-Z", "root", "-r", file.path()});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    std::istringstream lines{outcome.out};
    for (const auto& known : test::known_packets()) {
        std::string line;
        ASSERT_TRUE(std::getline(lines, line)) << known.name;
        EXPECT_EQ(line, known.words) << known.name;
    }
}

}  // namespace
