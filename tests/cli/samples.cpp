// SPDX-License-Identifier: MIT
//
// Records of a stream as lines, as JSON and as a capture, from records made by hand.
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "channel_text.hpp"
#include "packets.hpp"
#include "run.hpp"
#include "sample_sink.hpp"
#include "table.hpp"

namespace {

using statchan::Gap;
using statchan::Sample;

// The bytes of a record, as the kernel writes them.
class Record {
  public:
    explicit Record(const test::Packet& payload, std::uint16_t flags = 0x2, std::uint16_t tci = 0)
        : words_((statchan::wire::sample_bytes + payload.size() + 7) / 8) {
        put(0, static_cast<std::uint32_t>(statchan::wire::sample_bytes + payload.size()));
        put(4, statchan::wire::type_sample);
        put(6, std::uint16_t{1});
        put(8, std::uint64_t{880});
        put(16, statchan::to_ns(std::chrono::steady_clock::now()));
        put(24, static_cast<std::uint32_t>(payload.size()));
        put(32, std::uint32_t{100});
        put(36, flags);
        put(40, tci);
        put(42, std::uint16_t{0x8100});
        put(44, 0xffffffffU);
        std::memcpy(bytes() + statchan::wire::sample_bytes, payload.data(), payload.size());
        length_ = static_cast<std::uint32_t>(statchan::wire::sample_bytes + payload.size());
    }
    void set_ifindex(std::uint32_t index) { put(28, index); }
    [[nodiscard]] Sample sample() { return {bytes(), length_}; }

  private:
    std::byte* bytes() { return reinterpret_cast<std::byte*>(words_.data()); }
    template <class T>
    void put(std::size_t at, T value) {
        std::memcpy(bytes() + at, &value, sizeof value);
    }
    std::vector<std::uint64_t> words_;
    std::uint32_t length_ = 0;
};

const Gap gap{.cpu = 1,
              .first_seq = 666,
              .last_seq = 879,
              .count = 214,
              .first_time = {},
              .last_time = {},
              .reason = statchan::LostReason::ring_full};

constexpr std::uint32_t loopback = 1;  // ifindex of lo in every namespace

statctl::SampleStyle style() { return {.source = "sw0", .transport = "mmap", .config = {}}; }

std::string lines(const test::TemporaryFile& file, statctl::Out& out) {
    EXPECT_TRUE(out.flush());
    return file.read();
}

TEST(Samples, AsText) {
    const test::TemporaryFile file;
    statctl::Out out{file.fd()};
    auto look = style();
    look.verbose = look.hexdump = true;
    const auto sink = statctl::make_text_sink(out, look);
    Record record{test::known_packets()[8].bytes};
    record.set_ifindex(loopback);
    sink->gap(gap);
    sink->sample(record.sample());
    Record opaque{test::zeroes(8), 0};
    sink->sample(opaque.sample());
    const auto text = lines(file, out);
    for (const auto* expected :
         {" sw0   --- cpu 1: 214 records lost, seq 666..879, reason ring_full\n",
          " lo    In  IP 10.0.0.1.40001 > 10.0.0.2.5201: UDP, length 64 [cpu 1 seq 880 1:100 queue "
          "? captured 106]\n",
          "\t0x0000:  0200 0000 0002", " sw0   ?   data, length 8 ["}) {
        EXPECT_NE(text.find(expected), std::string::npos) << expected << "\n" << text;
    }
}

TEST(Samples, AsJson) {
    const test::TemporaryFile file;
    statctl::Out out{file.fd()};
    const auto sink = statctl::make_json_sink(out, style());
    Record record{test::known_packets()[8].bytes, 0x4 | 0x8, 0xa064};
    record.set_ifindex(loopback);
    sink->gap(gap);
    sink->sample(record.sample());
    std::istringstream text{lines(file, out)};
    std::string line;
    ASSERT_TRUE(std::getline(text, line));
    const auto first = nlohmann::json::parse(line);
    EXPECT_EQ(first["type"], "gap");
    EXPECT_EQ(first["count"], 214);
    EXPECT_EQ(first["reason"], "ring_full");
    ASSERT_TRUE(std::getline(text, line));
    const auto second = nlohmann::json::parse(line);
    EXPECT_EQ(second["type"], "sample");
    EXPECT_EQ(second["seq"], 880);
    EXPECT_EQ(second["direction"], "out");
    EXPECT_EQ(second["queue"], nullptr);
    EXPECT_EQ(second["interface"], "lo");
    EXPECT_EQ(second["vlan"]["id"], 100);
    EXPECT_EQ(second["vlan"]["priority"], 5);
    EXPECT_EQ(second["payload"], nullptr);
    EXPECT_EQ(second["summary"],
              "vlan 100, p 5, IP 10.0.0.1.40001 > 10.0.0.2.5201: UDP, length 64");
}

// tcpdump refuses a file with a packet longer than the file says they are.
TEST(Samples, TagDoesNotMakeAPacketTooLong) {
    if (!test::has_program("tcpdump")) GTEST_SKIP() << "no tcpdump here";
    const test::TemporaryFile file;
    statctl::Out out{file.fd()};
    auto of_128 = style();
    of_128.config.snaplen = 128;
    const auto sink = statctl::make_pcapng_sink(out, of_128);
    auto packet = test::known_packets()[8].bytes;
    packet.resize(128);
    Record record{packet, 0x4 | 0x8, 0xa064};
    record.set_ifindex(loopback);
    sink->sample(record.sample());
    sink->end({});
    ASSERT_TRUE(out.flush());
    const auto outcome = test::run({"tcpdump", "-n", "-e", "-r", file.path()});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("vlan 100"), std::string::npos) << outcome.out << outcome.err;
}

TEST(Samples, AsACaptureWithTheTagPutBack) {
    if (!test::has_program("tshark")) GTEST_SKIP() << "no tshark here";
    const test::TemporaryFile file;
    statctl::Out out{file.fd()};
    const auto sink = statctl::make_pcapng_sink(out, style());
    Record record{test::known_packets()[8].bytes, 0x4 | 0x8, 0xa064};
    record.set_ifindex(loopback);
    sink->gap(gap);
    sink->sample(record.sample());
    sink->end({});
    ASSERT_TRUE(out.flush());
    const auto outcome =
        test::run({"tshark", "-n",          "-r", file.path(),        "-T", "fields",
                   "-E",     "separator=|", "-e", "vlan.id",          "-e", "vlan.priority",
                   "-e",     "frame.len",   "-e", "frame.drop_count", "-e", "frame.comment",
                   "-e",     "udp.length"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out,
              "100|5|110|214|cpu 1: 214 records lost, seq 666..879, reason ring_full|72\n");
}

TEST(Samples, ACaptureOfNothingOpens) {
    if (!test::has_program("tshark")) GTEST_SKIP() << "no tshark here";
    const test::TemporaryFile file;
    statctl::Out out{file.fd()};
    const auto sink = statctl::make_pcapng_sink(out, style());
    sink->end({});
    ASSERT_TRUE(out.flush());
    const auto outcome = test::run({"tshark", "-r", file.path()});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "");
}

TEST(Ledger, UnavailableIsNeverZero) {
    const test::TemporaryFile file;
    statctl::Out out{file.fd()};
    statchan::Ledger ledger;
    ledger.cpus.resize(2);
    ledger.cpus[1].cpu = 1;
    ledger.cpus[0].produced = 10;
    ledger.cpus[0].lost[0] = 3;
    ledger.cpus[0].lost[6] = 4;
    statctl::print_ledger_text(out, ledger);
    const auto text = lines(file, out);
    EXPECT_NE(text.find("unavailable"), std::string::npos) << text;
    EXPECT_NE(text.find("7 (ring_full 3, injected 4)"), std::string::npos) << text;
    const auto json = nlohmann::json::parse(statctl::to_json(ledger).done().text);
    EXPECT_EQ(json["cpus"][0]["produced"], 10);
    EXPECT_EQ(json["cpus"][0]["accepted"], nullptr);
    EXPECT_EQ(json["cpus"][0]["lost"]["ring_full"], 3);
    EXPECT_EQ(json["cpus"][0]["lost"]["oversize"], nullptr);
}

TEST(ChannelConfig, RequestedAndEffectiveAreBothTold) {
    const statchan::ChannelConfig effective{.rate = 10,
                                            .snaplen = 128,
                                            .watermark_records = 64,
                                            .timeout = statchan::never,
                                            .buffer_size = 1048576};
    const statchan::ChannelConfig requested{.buffer_size = 1000000};
    EXPECT_EQ(statctl::describe(effective, requested),
              "1 in 10, snaplen 128, wakeup after 64 records or never, buffer 1 MiB per CPU "
              "(asked for 1000000 bytes)");
    const auto json = nlohmann::json::parse(statctl::to_json(effective).done().text);
    EXPECT_EQ(json["timeout_ns"], nullptr);
    EXPECT_EQ(json["buffer_size"], 1048576);
}

}  // namespace
