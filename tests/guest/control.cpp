// SPDX-License-Identifier: MIT
//
// Sources are made, changed, listed and removed alike through both front ends, and what one does
// the other announces.
#include <algorithm>

#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;
using statchan::EventType;

class Control : public OverTransport {
  protected:
    void expect_refused(std::string_view name, std::string_view kind, std::string_view params,
                        std::errc code, const std::vector<std::string>& words) {
        SCOPED_TRACE(std::string{name} + " " + std::string{kind} + " " + std::string{params});
        const auto added = client.add_source(name, kind, params);
        if (added) (void)client.remove_source(name);
        ASSERT_FALSE(added.has_value()) << "was made";
        const auto text = added.error().message();
        EXPECT_TRUE(added.error().is(code)) << text << ": " << added.error().code;
        for (const auto& word : words)
            EXPECT_NE(text.find(word), std::string::npos) << "no '" << word << "' in: " << text;
    }
};
OVER_ALL_TRANSPORTS(Control);

TEST_P(Control, SourceIsAddedSetListedAndRemoved) {
    const auto added = client.add_source("sw0", "synth", "run=0 ports=2 fields=8 queues=0 rate=7");
    ASSERT_OK(added);
    EXPECT_EQ(added->name, "sw0");
    EXPECT_EQ(added->kind, "synth");
    EXPECT_EQ(added->n_counters, 16U);
    EXPECT_EQ(added->rate, 7U);
    EXPECT_EQ(added->generation, 0U);
    EXPECT_NE(added->params.find("ports=2"), std::string::npos) << added->params;

    const auto changed = client.set_source("sw0", "size=99 rate=3 context=softirq");
    ASSERT_OK(changed);
    EXPECT_EQ(changed->rate, 3U);
    for (const auto* word : {"size=99", "rate=3", "context=softirq", "ports=2"})
        EXPECT_NE(changed->params.find(word), std::string::npos) << changed->params;

    Synth other;
    const auto sources = client.sources();
    ASSERT_OK(sources);
    ASSERT_EQ(sources->size(), 2U);
    EXPECT_EQ(sources->at(0).name, "sw0");
    EXPECT_EQ(sources->at(1).name, other.name());
    EXPECT_LT(sources->at(0).id, sources->at(1).id);

    ASSERT_OK(client.remove_source("sw0"));
    const auto gone = client.source("sw0");
    ASSERT_FALSE(gone.has_value());
    EXPECT_TRUE(gone.error() == statchan::errc::no_such_source) << gone.error().message();
    EXPECT_NE(gone.error().message().find("'sw0'"), std::string::npos) << gone.error().message();
}

TEST_P(Control, RefusesBadKeysAndValues) {
    expect_refused("bad", "synth", "prots=4", std::errc::invalid_argument, {"prots", "ports"});
    expect_refused("bad", "synth", "ports=many", std::errc::invalid_argument, {"ports", "many"});
    expect_refused("bad", "synth", "ports=0", std::errc::result_out_of_range, {"ports", "1.."});
    expect_refused("bad", "synth", "ports", std::errc::invalid_argument, {"ports", "key=value"});
    expect_refused("bad", "synth", "context=nmi", std::errc::invalid_argument,
                   {"context", "nmi", "process"});
    expect_refused("bad", "synth", "ports=1048576 fields=4096", std::errc::argument_list_too_long,
                   {"8388608"});
    expect_refused("bad", "synth", "ports=-1", std::errc::invalid_argument, {"ports", "-1"});
    expect_refused("bad", "synth", "ports=18446744073709551616", std::errc::invalid_argument,
                   {"ports"});
}

TEST_P(Control, RefusesBadNamesAndKinds) {
    expect_refused("a/b", "synth", "", std::errc::invalid_argument, {"a/b"});
    expect_refused("..", "synth", "", std::errc::invalid_argument, {".."});
    expect_refused("", "synth", "", std::errc::invalid_argument, {});
    expect_refused("caf\xe9", "synth", "", std::errc::invalid_argument, {"caf"});
    expect_refused(std::string(32, 'n'), "synth", "", std::errc::invalid_argument, {"31"});
    expect_refused("bad", "unheard", "", std::errc::operation_not_supported, {"unheard"});
    Synth synth;
    expect_refused(synth.name(), "synth", "", std::errc::file_exists, {synth.name()});
}

TEST_P(Control, RefusesToChangeWhatIsFixed) {
    Synth synth;
    const auto changed = client.set_source(synth.name(), "ports=9");
    ASSERT_FALSE(changed.has_value());
    EXPECT_NE(changed.error().message().find("ports"), std::string::npos)
        << changed.error().message();
    const auto nothing = client.set_source(synth.name(), "");
    ASSERT_FALSE(nothing.has_value());
    EXPECT_TRUE(nothing.error().is(std::errc::invalid_argument)) << nothing.error().message();
}

TEST_P(Control, UnknownSourceIsNamedEverywhere) {
    const auto expect = [](const statchan::Error& error) {
        EXPECT_TRUE(error == statchan::errc::no_such_source) << error.message();
        EXPECT_NE(error.message().find("'nosuch'"), std::string::npos) << error.message();
    };
    expect(client.source("nosuch").error());
    expect(client.schema("nosuch").error());
    if (client.capabilities().has(statchan::Capability::samples))
        expect(client.subscribe("nosuch").error());
    expect(client.remove_source("nosuch").error());
    expect(client.set_source("nosuch", "rate=2").error());
    if (client.capabilities().has(statchan::Capability::snapshot))
        expect(client.snapshot("nosuch").error());
}

// What is done over this transport is announced to whoever listens, and to this one.
TEST_P(Control, ChangesAreAnnounced) {
    auto events = client.events();
    ASSERT_OK(events);
    std::vector<statchan::Event> seen;
    const auto wait_for = [&](EventType type) {
        for (const auto deadline = Clock::now() + patience; Clock::now() < deadline;) {
            auto event = events->next(100ms);
            EXPECT_OK(event);
            if (!event) return false;
            if (!*event) continue;
            seen.push_back(**event);
            if (seen.back().type == type) return true;
        }
        return false;
    };
    const auto before = Clock::now();
    const auto added = client.add_source("told", "synth", "run=0");
    ASSERT_OK(added);
    ASSERT_TRUE(wait_for(EventType::source_added));
    EXPECT_EQ(seen.back().source_name, "told");
    EXPECT_EQ(seen.back().source, added->id);
    EXPECT_GE(seen.back().time, before);
    EXPECT_LE(seen.back().time, Clock::now());

    ASSERT_OK(client.set_source("told", "rate=4"));
    ASSERT_TRUE(wait_for(EventType::source_changed));
    EXPECT_NE(seen.back().text.find("rate=4"), std::string::npos) << seen.back().text;
    if (client.capabilities().has(statchan::Capability::samples)) {
        // the only one may set the rate
        auto stream = client.subscribe("told", {.rate = 8});
        ASSERT_OK(stream);
        ASSERT_TRUE(wait_for(EventType::source_changed));
        EXPECT_EQ(seen.back().text, "rate=8");
        ASSERT_TRUE(wait_for(EventType::channel_opened));
        EXPECT_EQ(seen.back().channel, stream->channel());
    }
    if (client.capabilities().has(statchan::Capability::samples)) {
        ASSERT_TRUE(wait_for(EventType::channel_closed));
    }
    ASSERT_OK(client.remove_source("told"));
    ASSERT_TRUE(wait_for(EventType::source_gone));
    EXPECT_EQ(seen.back().source_name, "told");
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end(),
                               [](const auto& a, const auto& b) { return a.time < b.time; }));
}
