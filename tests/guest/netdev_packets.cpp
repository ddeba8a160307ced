// SPDX-License-Identifier: MIT
//
// The samples of an interface at 1 in 1 are the packets that tcpdump writes: the same bytes, the
// same number, in both directions.
#include <net/if.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>

#include "support/links.hpp"
#include "support/netns.hpp"
#include "support/process.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

namespace {

// A packet as a sample and a capture file both tell it: the tag in its place, cut to the snaplen.
struct Packet {
    std::vector<std::uint8_t> bytes;
    std::uint32_t orig_len = 0;
    friend auto operator<=>(const Packet&, const Packet&) = default;
};

constexpr std::uint32_t snaplen = 1600;

Packet from_capture(const Captured& captured) {
    Packet packet{.bytes = captured.bytes, .orig_len = captured.orig_len};
    packet.bytes.resize(std::min<std::size_t>(packet.bytes.size(), snaplen));
    return packet;
}

// tcpdump puts a tag that the kernel keeps beside the packet back behind the addresses.
Packet from_sample(const statchan::Sample& sample) {
    const auto payload = sample.payload();
    const auto* begin = reinterpret_cast<const std::uint8_t*>(payload.data());
    Packet packet{.bytes{begin, begin + payload.size()}, .orig_len = sample.orig_len()};
    if (const auto vlan = sample.vlan()) {
        const std::uint8_t tag[] = {static_cast<std::uint8_t>(vlan->protocol >> 8),
                                    static_cast<std::uint8_t>(vlan->protocol & 0xff),
                                    static_cast<std::uint8_t>(vlan->tci >> 8),
                                    static_cast<std::uint8_t>(vlan->tci & 0xff)};
        packet.bytes.insert(packet.bytes.begin() + 12, std::begin(tag), std::end(tag));
        packet.bytes.resize(std::min<std::size_t>(packet.bytes.size(), snaplen));
        packet.orig_len += sizeof tag;
    }
    return packet;
}

std::string describe(const Packet& packet) {
    std::string text = std::to_string(packet.orig_len) + " bytes:";
    char byte[4];
    for (std::size_t i = 0; i < std::min<std::size_t>(packet.bytes.size(), 60); ++i) {
        std::snprintf(byte, sizeof byte, " %02x", packet.bytes[i]);
        text += byte;
    }
    return text;
}

}  // namespace

class NetdevPackets : public testing::TestWithParam<std::string> {
  protected:
    Veth veth;
    Inside here{veth.left};
    statchan::Client client = open_client(GetParam());
    std::vector<Packet> sampled;
    std::uint64_t egress = 0;
    std::uint64_t vlans = 0;
    std::uint32_t longest = 0;

    void SetUp() override {
        skip_if_unusable(GetParam());
        if (IsSkipped()) return;
        ASSERT_OK(client.add_source("veth0", "netdev"));
    }
    void TearDown() override { EXPECT_OK(client.remove_source("veth0")); }

    void take(const statchan::Sample& sample) {
        const auto address = hardware_address_;
        auto packet = from_sample(sample);
        ASSERT_GE(packet.bytes.size(), 14U);
        const bool by_us = std::memcmp(packet.bytes.data() + 6, address.data(), 6) == 0;
        EXPECT_EQ(sample.egress(), by_us) << describe(packet);
        EXPECT_EQ(sample.ingress(), !by_us) << describe(packet);
        EXPECT_EQ(sample.truncated(), sample.payload().size() < sample.orig_len());
        EXPECT_EQ(sample.ifindex(), ifindex_);
        EXPECT_EQ(sample.rate(), 1U);
        const std::size_t type_at = sample.vlan() ? 16 : 12;
        EXPECT_EQ(sample.protocol(), packet.bytes[type_at] << 8 | packet.bytes[type_at + 1]);
        egress += sample.egress() ? 1 : 0;
        vlans += sample.vlan() ? 1 : 0;
        longest = std::max(longest, sample.orig_len());
        sampled.push_back(std::move(packet));
    }

    // Samples and captures what @p traffic makes pass; both must be the same.
    void compare(const std::function<void()>& traffic) {
        const std::string file = "/tmp/compare.pcap";
        // its buffer is of frames that are as large as a packet may be: 1024 of them
        Process tcpdump{
            "exec tcpdump -Z root -i veth0 -n -s 66000 -B 131072 -U --immediate-mode -w " + file};
        ASSERT_TRUE(eventually([&] {
            return tcpdump.err().find("listening on") != std::string::npos;
        })) << tcpdump.err();
        auto stream = client.subscribe(
            "veth0",
            {.rate = 1, .snaplen = snaplen, .buffer_size = 16U << 20, .receive_buffer = 64U << 20});
        ASSERT_OK(stream);
        traffic();
        std::vector<Packet> captured;
        const bool agreed = eventually([&] {
            for (;;) {
                const auto batch = stream->next(5ms);
                EXPECT_OK(batch);
                if (!batch || batch->empty()) break;
                EXPECT_EQ(batch->gap_count(), 0U) << "the buffer is too small for this test";
                for (const auto& sample : batch->samples()) take(sample);
            }
            captured.clear();
            for (const auto& packet : read_pcap(file)) captured.push_back(from_capture(packet));
            std::sort(captured.begin(), captured.end());
            std::sort(sampled.begin(), sampled.end());
            // Both may have just begun, and agree on what they have so far. Afterwards more may
            // come: a connection that is closed has not ended.
            const auto ledger = stream->ledger();
            EXPECT_OK(ledger);
            const bool all = ledger && ledger->total().in_flight() == 0U && !sampled.empty();
            return HasFailure() || (all && captured == sampled);
        });
        tcpdump.signal(SIGINT);
        const auto outcome = tcpdump.wait();
        EXPECT_NE(outcome.err.find("\n0 packets dropped by kernel"), std::string::npos)
            << outcome.text();
        EXPECT_GT(sampled.size(), 0U);
        if (!agreed) tell_difference(captured);
        const auto ledger = stream->ledger();
        ASSERT_OK(ledger);
        EXPECT_EQ(ledger->total().received, sampled.size());
    }

    void tell_difference(const std::vector<Packet>& captured) const {
        std::vector<Packet> only;
        std::set_difference(captured.begin(), captured.end(), sampled.begin(), sampled.end(),
                            std::back_inserter(only));
        ADD_FAILURE() << captured.size() << " captured, " << sampled.size() << " sampled; "
                      << only.size() << " were only captured, the first: "
                      << (only.empty() ? "" : describe(only.front()));
        only.clear();
        std::set_difference(sampled.begin(), sampled.end(), captured.begin(), captured.end(),
                            std::back_inserter(only));
        if (!only.empty())
            ADD_FAILURE() << only.size()
                          << " were only sampled, the first: " << describe(only.front());
    }

  private:
    std::string hardware_address_ = hardware_address("veth0");
    std::uint32_t ifindex_ = ::if_nametoindex("veth0");
};
OVER_TRANSPORTS_WITH(NetdevPackets, statchan::Capability::samples);

TEST_P(NetdevPackets, SmallAndFragmented) {
    compare([&] {
        exchange(veth, 20, 0);
        exchange(veth, 20, 57);
        exchange(veth, 10, 4000);  // fragments
    });
    EXPECT_GE(egress, 50U);
    EXPECT_GE(sampled.size() - egress, 50U);
}

TEST_P(NetdevPackets, LargeTcpAsTheStackLeftIt) {
    compare([&] { send_tcp(veth, 2U << 20); });
    EXPECT_GT(longest, 1514U) << "no packet was left to segmentation offload";
}

TEST_P(NetdevPackets, LargeUdp) {
    compare([&] {
        send_udp(veth, 30, 1400);
        send_udp(veth, 10, 9000);
        send_udp(veth, 10, 28'000, 1400);
    });
    EXPECT_GT(longest, 1514U) << "no packet was left to segmentation offload";
}

TEST_P(NetdevPackets, Vlan) {
    for (const auto& [side, address] :
         {std::pair{&veth.left, "10.8.0.1"}, std::pair{&veth.right, "10.8.0.2"}}) {
        const Inside there{*side};
        add_vlan("veth0.7", "veth0", 7);
        set_address("veth0.7", address);
        set_up("veth0.7");
    }
    compare([&] { exchange(veth, 20, 200, "10.8.0.1", "10.8.0.2"); });
    EXPECT_GE(vlans, 40U);
}

// 1 in N of what passed, which the interface counts itself.
TEST_P(NetdevPackets, OneInNOfWhatPassed) {
    const auto passed = [&] {
        const auto snapshot = open_client("ioctl").snapshot("veth0");
        EXPECT_OK(snapshot);
        return snapshot->at("link", 0, "rx_packets").value() +
               snapshot->at("link", 0, "tx_packets").value();
    };
    auto stream = client.subscribe("veth0", {.rate = 10, .snaplen = 64});
    ASSERT_OK(stream);
    EXPECT_EQ(stream->effective().rate, 10U);
    const auto before = passed();
    send_udp(veth, 6000, 20);
    const auto packets = static_cast<double>(passed() - before);
    const auto info = client.source("veth0");
    ASSERT_OK(info);
    EXPECT_EQ(static_cast<double>(info->observed), packets);
    // Variance of about M/3N; six standard deviations.
    EXPECT_NEAR(static_cast<double>(info->emitted), packets / 10, 6 * std::sqrt(packets / 30) + 1);
}
