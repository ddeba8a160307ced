// SPDX-License-Identifier: MIT
//
// Sources, channels and events are visible only in their own network namespace.
#include "support/netns.hpp"
#include "support/process.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class Namespaces : public testing::TestWithParam<std::string> {
  protected:
    Veth veth;

    static std::vector<std::string> names(const statchan::Client& client) {
        std::vector<std::string> found;
        const auto sources = client.sources();
        EXPECT_OK(sources);
        for (const auto& source : *sources) found.push_back(source.name);
        return found;
    }
    using Names = std::vector<std::string>;
};
OVER_ALL_TRANSPORTS(Namespaces);

class NamespacesOfStreams : public Namespaces {};
OVER_TRANSPORTS_WITH(NamespacesOfStreams, statchan::Capability::samples);

TEST_P(Namespaces, SeeOnlyTheirOwnSources) {
    Synth outside{"", "outside"};
    std::optional<statchan::Client> left;
    std::optional<statchan::Client> right;
    {
        const Inside there{veth.left};
        left.emplace(open_client(GetParam()));
    }
    {
        const Inside there{veth.right};
        right.emplace(open_client(GetParam()));
    }
    // The same name twice: two interfaces, two sources.
    ASSERT_OK(left->add_source("veth0", "netdev"));
    ASSERT_OK(right->add_source("veth0", "netdev"));
    ASSERT_OK(right->add_source("extra", "synth", "run=0"));
    EXPECT_EQ(names(*left), Names{"veth0"});
    EXPECT_EQ(names(*right), (Names{"veth0", "extra"}));
    EXPECT_EQ(names(open_client(GetParam())), Names{"outside"});
    EXPECT_NE(left->source("veth0")->id, right->source("veth0")->id);

    for (const auto* name : {"extra", "outside"}) {
        EXPECT_TRUE(left->source(name).error() == statchan::errc::no_such_source);
        EXPECT_TRUE(left->schema(name).error() == statchan::errc::no_such_source);
        if (left->capabilities().has(statchan::Capability::samples)) {
            EXPECT_TRUE(left->subscribe(name).error() == statchan::errc::no_such_source);
        }
        if (left->capabilities().has(statchan::Capability::snapshot)) {
            EXPECT_TRUE(left->snapshot(name).error() == statchan::errc::no_such_source);
        }
        EXPECT_TRUE(left->remove_source(name).error() == statchan::errc::no_such_source);
    }
    if (left->capabilities().has(statchan::Capability::snapshot)) {
        const Inside there{veth.left};  // read and mmap open a channel for it, where the thread is
        const auto mine = left->snapshot("veth0");
        ASSERT_OK(mine);
        EXPECT_EQ(mine->info().source, left->source("veth0")->id);
    }
    ASSERT_OK(left->remove_source("veth0"));
    ASSERT_OK(right->remove_source("veth0"));
    ASSERT_OK(right->remove_source("extra"));
}

TEST_P(NamespacesOfStreams, SeeOnlyTheirOwnChannelsAndEvents) {
    const Inside there{veth.left};
    auto inside = open_client(GetParam());
    auto events = inside.events();
    ASSERT_OK(events);
    std::uint32_t channel = 0;
    {
        const Inside elsewhere{veth.right};
        auto other = open_client(GetParam());
        ASSERT_OK(other.add_source("sw0", "synth", "run=0"));
        auto stream = other.subscribe("sw0");
        ASSERT_OK(stream);
        channel = stream->channel();
        EXPECT_EQ(other.channels()->size(), 1U);
        EXPECT_EQ(inside.channels()->size(), 0U);
        EXPECT_OK(other.ledger(channel));
        EXPECT_FALSE(inside.ledger(channel).has_value());
        ASSERT_OK(other.remove_source("sw0"));
    }
    // An event of our own comes after all of theirs, and first of all that we hear.
    ASSERT_OK(inside.add_source("mine", "synth", "run=0"));
    const auto event = events->next(patience);
    ASSERT_OK(event);
    ASSERT_TRUE(event->has_value());
    EXPECT_EQ((*event)->source_name, "mine");
    ASSERT_OK(inside.remove_source("mine"));
}

TEST_P(NamespacesOfStreams, PacketsOfOneAreNotHeardInTheOther) {
    std::optional<statchan::Stream> left;
    std::optional<statchan::Stream> right;
    Namespace third{"third"};
    const auto open_in = [&](const Namespace& space, const char* name) {
        const Inside there{space};
        auto client = open_client(GetParam());
        EXPECT_OK(client.add_source(name, "netdev"));
        auto stream = client.subscribe(name, {.timeout = 1ms});
        EXPECT_OK(stream);
        return std::optional<statchan::Stream>{std::move(*stream)};
    };
    left = open_in(veth.left, "veth0");
    right = open_in(third, "lo");
    exchange(veth, 5, 10);
    const auto heard = left->next(patience);
    ASSERT_OK(heard);
    EXPECT_GT(heard->sample_count(), 0U);
    const auto silent = right->next(20ms);
    ASSERT_OK(silent);
    EXPECT_TRUE(silent->empty());
    for (const auto& [space, name] : {std::pair{&veth.left, "veth0"}, std::pair{&third, "lo"}}) {
        const Inside there{*space};
        EXPECT_OK(open_client(GetParam()).remove_source(name));
    }
}
