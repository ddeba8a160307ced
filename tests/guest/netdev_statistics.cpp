// SPDX-License-Identifier: MIT
//
// The counters of an interface are those that "ip -s -s link" and "ethtool -S" show.
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/links.hpp"
#include "support/netns.hpp"
#include "support/process.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;
using Values = std::map<std::string, std::uint64_t>;

class NetdevStatistics : public testing::TestWithParam<std::string> {
  protected:
    NetdevStatistics() { exchange(veth, 30, 700); }

    Veth veth;
    Inside here{veth.left};
    statchan::Client client = open_client(GetParam());

    static Values values_of(const statchan::Snapshot& snapshot, const std::string& group) {
        Values values;
        snapshot.for_each(group, [&](const statchan::CounterRef& ref, std::uint64_t value) {
            values[ref.field->name] = value;
        });
        return values;
    }

    // "ethtool -S" as name and value
    static Values ethtool_says() {
        Values values;
        std::istringstream lines{sh("ethtool -S veth0")};
        for (std::string line; std::getline(lines, line);) {
            const auto colon = line.rfind(": ");
            if (colon == std::string::npos) continue;
            const auto name = line.find_first_not_of(' ');
            values[line.substr(name, colon - name)] = std::stoull(line.substr(colon + 2));
        }
        return values;
    }

    // "ip -s -s -j link", by the kernel's names: rx.packets is rx_packets, but the direction of
    // multicast and collisions needs no saying.
    static Values ip_says() {
        Values values;
        const auto json = nlohmann::json::parse(sh("ip -s -s -j link show veth0"));
        for (const auto& [direction, counters] : json.at(0).at("stats64").items()) {
            for (const auto& [key, value] : counters.items()) {
                if (key == "carrier_changes") continue;  // not of the link's statistics
                const bool own_name = key == "multicast" || key == "collisions";
                values[own_name ? key : direction + "_" + key] = value.get<std::uint64_t>();
            }
        }
        return values;
    }
};
OVER_TRANSPORTS_WITH(NetdevStatistics, statchan::Capability::snapshot);

TEST_P(NetdevStatistics, AreThoseOfIpAndEthtool) {
    ASSERT_OK(client.add_source("veth0", "netdev"));
    // While nothing moves: what was read before and after is what the snapshot must show.
    Values ip;
    Values ethtool;
    std::optional<statchan::Snapshot> snapshot;
    ASSERT_TRUE(eventually([&] {
        ip = ip_says();
        ethtool = ethtool_says();
        auto taken = client.snapshot("veth0");
        EXPECT_OK(taken);
        snapshot.emplace(std::move(*taken));
        return HasFailure() || (ip == ip_says() && ethtool == ethtool_says());
    }));
    EXPECT_FALSE(snapshot->info().atomic) << "one counter after the other is read";

    const auto link = values_of(*snapshot, "link");
    ASSERT_GE(ip.size(), 18U);
    for (const auto& [name, value] : ip) {
        const auto it = link.find(name);
        ASSERT_NE(it, link.end()) << "no counter " << name;
        EXPECT_EQ(it->second, value) << name;
    }
    EXPECT_GE(link.at("rx_packets"), 30U);
    EXPECT_GE(link.at("rx_bytes"), 30U * 700);

    EXPECT_FALSE(ethtool.empty());
    EXPECT_EQ(values_of(*snapshot, "ethtool"), ethtool);
    ASSERT_OK(client.remove_source("veth0"));
}

TEST_P(NetdevStatistics, HaveEveryTransmitQueue) {
    add_dummy("many", 5);
    ASSERT_OK(client.add_source("many", "netdev"));
    const auto snapshot = client.snapshot("many");
    ASSERT_OK(snapshot);
    const auto queues = snapshot->group("tx_queue");
    ASSERT_OK(queues);
    EXPECT_EQ(queues->size(), 5U);
    ASSERT_OK(client.remove_source("many"));
}

// A driver without ethtool statistics has no such group, not an empty one.
TEST_P(NetdevStatistics, GroupsAreWhatTheDriverHas) {
    ASSERT_OK(client.add_source("lo", "netdev"));
    const auto snapshot = client.snapshot("lo");
    ASSERT_OK(snapshot);
    EXPECT_OK(snapshot->group("link"));
    EXPECT_FALSE(snapshot->group("ethtool").has_value());
    ASSERT_OK(client.remove_source("lo"));
}

// Values under the names of others would be worse than none; who listens is told once, not each
// time somebody asks.
TEST_P(NetdevStatistics, OfOtherNamesThanBeforeAreRefused) {
    sh("ethtool -L veth0 rx 1 tx 1");
    const auto added = client.add_source("veth0", "netdev");
    ASSERT_OK(added);
    ASSERT_OK(client.snapshot("veth0"));
    auto events = client.events();
    ASSERT_OK(events);
    sh("ethtool -L veth0 rx 2 tx 2");
    for (int i = 0; i < 3; ++i) {
        const auto refused = client.snapshot("veth0");
        ASSERT_FALSE(refused) << i;
        EXPECT_NE(refused.error().message().find("veth0"), std::string::npos)
            << refused.error().message();
    }
    const auto event = events->next(patience);
    ASSERT_OK(event);
    ASSERT_TRUE(event->has_value());
    EXPECT_NE((*event)->text.find("delete the source and add it anew"), std::string::npos)
        << (*event)->text;
    ASSERT_OK(client.remove_source("veth0"));
    const auto gone = events->next(patience);
    ASSERT_OK(gone);
    ASSERT_TRUE(gone->has_value());
    EXPECT_EQ((*gone)->type, statchan::EventType::source_gone) << "it was told more than once";
    const auto again = client.add_source("veth0", "netdev");
    ASSERT_OK(again);
    EXPECT_GT(again->n_counters, added->n_counters);
    EXPECT_OK(client.snapshot("veth0"));
    ASSERT_OK(client.remove_source("veth0"));
}

TEST_P(NetdevStatistics, InterfaceThatIsNotThereIsNamed) {
    const auto added = client.add_source("nosuch0", "netdev");
    ASSERT_FALSE(added.has_value());
    const auto text = added.error().message();
    EXPECT_NE(text.find("nosuch0"), std::string::npos) << text;
    EXPECT_TRUE(added.error().is(std::errc::no_such_device)) << text << ": " << added.error().code;
}
