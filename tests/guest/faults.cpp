// SPDX-License-Identifier: MIT
//
// What a caller sees when the kernel lacks something: the errno and a sentence that names the
// object, nothing held, nothing else disturbed, and the next attempt works. Lost records are told
// with their reason. (That nothing remains is checked after every test, see support/kernel.hpp.)
#include <set>
#include <thread>

#include "support/fault.hpp"
#include "support/kernel.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::LostReason;

namespace {

/// What opening a channel of samples needs of the kernel.
struct Need {
    std::string place;
    std::set<std::string> transports;  // empty: all
};

const std::vector<Need> needs{
    {"channel", {}},
    {"ring", {"ioctl", "read", "mmap"}},
    {"ring_page", {"ioctl", "read", "mmap"}},
    {"bpf", {"bpf"}},
    {"relay", {"relay"}},
    {"relay_folder", {"relay"}},
    {"relay_file", {"relay"}},
    {"netlink", {"netlink", "netlink-nl"}},
    {"netlink_skb", {"netlink", "netlink-nl"}},
    {"netlink_socket", {"netlink", "netlink-nl"}},
};

/// The places that have tests of their own here.
const std::vector<std::string> others{"source", "schema", "snapshot", "live",
                                      "record", "event",  "procfs"};
/// Those that have them in hostile_mappings.cpp.
const std::vector<std::string> of_mappings{"snapshot_map"};

constexpr statchan::ChannelConfig small{
    .watermark_records = 1, .buffer_size = 16384, .subbufs = 2, .receive_buffer = 1U << 20};

/// The first, the second and the last of so many uses.
std::set<std::uint64_t> telling(std::uint64_t uses) {
    std::set<std::uint64_t> chosen{1, 2, uses};
    chosen.erase(chosen.upper_bound(uses), chosen.end());
    return chosen;
}

}  // namespace

class Faults : public OverTransport {
  protected:
    /// Places that opening a channel over this transport uses.
    [[nodiscard]] std::vector<std::string> my_needs() const {
        std::vector<std::string> mine;
        for (const auto& need : needs)
            if (need.transports.empty() || need.transports.contains(transport()))
                mine.push_back(need.place);
        return mine;
    }
    [[nodiscard]] std::uint64_t uses_of(const std::string& place, const Synth& synth) {
        const FaultCount count{place};
        EXPECT_OK(client.subscribe(synth.name(), small));
        return count.uses();
    }
    /// netlink makes its next message when it has sent one: that is not to be what fails.
    static void until_unused(const std::string& place) {
        const FaultCount count{place};
        for (auto before = count.uses() + 1; count.uses() != before;) {
            before = count.uses();
            std::this_thread::sleep_for(200ms);
        }
    }
    void expect_works(Synth& synth) {
        auto stream = client.subscribe(synth.name(), small);
        ASSERT_OK(stream);
        Reader reader{*stream};
        synth.emit(10);
        EXPECT_TRUE(reader.records(10));
    }
};
OVER_TRANSPORTS_WITH(Faults, statchan::Capability::samples);

TEST_P(Faults, OpeningIsRefusedAndWorksTheNextTime) {
    Synth synth{"size=64"};
    for (const auto& place : my_needs()) {
        const auto uses = uses_of(place, synth);
        EXPECT_GE(uses, 1U) << place << " is not used";
        for (const auto nth : telling(uses)) {
            SCOPED_TRACE(place + ", use " + std::to_string(nth) + " of " + std::to_string(uses));
            {
                const Fault fault{place, nth};
                expect_no_memory(client.subscribe(synth.name(), small), synth.name());
            }
            EXPECT_TRUE(client.channels()->empty());
            EXPECT_TRUE(kernel_areas().empty() && relay_folders().empty());
            EXPECT_EQ(synth.info().channels, 0U);
            EXPECT_EQ(module_users("statchan_synth"), 0);
            expect_works(synth);
        }
    }
}

// Another channel of the same source, over the same transport and the same client.
TEST_P(Faults, RefusedOpeningLeavesOthersAlone) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    std::uint64_t emitted = 0;
    for (const auto& place : my_needs()) {
        SCOPED_TRACE(place);
        until_unused(place);
        {
            const Fault fault{place};
            expect_no_memory(client.subscribe(synth.name(), small), synth.name());
        }
        synth.emit(20);
        EXPECT_TRUE(reader.records(emitted += 20));
    }
    EXPECT_EQ(reader.received(), emitted);
    EXPECT_EQ(synth.info().channels, 1U);
    expect_books_close(*stream);
}

// The stream stays with the transport that it has, and loses nothing by the attempt.
TEST_P(Faults, RefusedSwitchLeavesTheStreamAsItWas) {
    for (const auto& place : my_needs()) {
        SCOPED_TRACE(place);
        Synth synth{"size=64"};
        const auto* const from = transport() == "ioctl" ? "mmap" : "ioctl";
        auto switching = open_client(from);
        auto stream = switching.subscribe(synth.name());
        ASSERT_OK(stream);
        synth.emit(10);
        {
            const Fault fault{place};
            expect_no_memory(switching.switch_transport(*stream, transport()), synth.name());
        }
        EXPECT_EQ(switching.transport(), from);
        EXPECT_EQ(stream->transport(), from);
        Reader reader{*stream};
        reader.expect_from(0);
        synth.emit(10);
        EXPECT_TRUE(reader.records(20));
        ASSERT_OK(switching.switch_transport(*stream, transport()));
        synth.emit(10);
        EXPECT_TRUE(reader.records(30));
        EXPECT_EQ(reader.received(), 30U);
        expect_books_close(*stream);
    }
}

// At the beginning, in the middle, and after the last record, where only the end tells it here.
TEST_P(Faults, LostRecordIsAGapWithItsReason) {
    Synth synth{"size=64"};
    // No time comes between losses in a row.
    auto stream =
        client.subscribe(synth.name(), {.watermark_records = 1, .timeout = statchan::never});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    for (const auto& [nth, count] : {std::pair{1, 1}, std::pair{2, 3}, std::pair{20, 1}}) {
        const Fault fault{"record", static_cast<std::uint64_t>(nth),
                          static_cast<std::uint64_t>(count)};
        synth.emit(20);
    }
    EXPECT_TRUE(reader.records(59));
    const Fault fault{"record"};
    synth.emit(1);
    synth.remove();
    EXPECT_TRUE(reader.to_the_end());

    EXPECT_EQ(reader.received(), 55U);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> where;
    for (const auto& gap : reader.gaps()) {
        EXPECT_EQ(gap.reason, LostReason::injected) << to_string(gap);
        where.emplace_back(gap.first_seq, gap.count);
    }
    EXPECT_EQ(where, (decltype(where){{0, 1}, {21, 3}, {59, 2}}));
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->total().lost[static_cast<std::size_t>(LostReason::injected)], 6U);
    EXPECT_EQ(ledger->total().lost_before(), 6U);
    expect_books_close(*stream);
}

// While two CPUs produce: the switch takes its records from both.
TEST_P(Faults, LostRecordsOfTwoCpusAreAllTold) {
    Synth synth{"size=64 cpus=2 context=softirq"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    {
        const Fault fault{"record", 100, 500};
        synth.emit(1000);
    }
    EXPECT_TRUE(settle(reader, synth));
    EXPECT_EQ(reader.lost(), 500U);
    expect_books_close(*stream);
}

// A reader who joined the events is told that he has missed one; who made the event is not stopped.
TEST_P(Faults, LostEventIsToldAsOverrun) {
    auto events = client.events();
    ASSERT_OK(events);
    {
        const Fault fault{"event"};
        ASSERT_OK(client.add_source("told", "synth", "run=0"));
    }
    auto event = events->next(patience);
    ASSERT_OK(event);
    ASSERT_TRUE(event->has_value());
    EXPECT_EQ((*event)->type, statchan::EventType::overrun);
    ASSERT_OK(client.remove_source("told"));
    event = events->next(patience);
    ASSERT_OK(event);
    ASSERT_TRUE(event->has_value());
    EXPECT_EQ((*event)->type, statchan::EventType::source_gone);
}

TEST_P(Faults, SourceIsNotMadeInPart) {
    for (const std::string place : {"source", "schema", "procfs"}) {
        SCOPED_TRACE(place);
        {
            const Fault fault{place};
            expect_no_memory(client.add_source("sw0", "synth", "run=0"), "sw0");
        }
        EXPECT_TRUE(client.sources()->empty());
        ASSERT_OK(client.add_source("sw0", "synth", "run=0"));
        ASSERT_OK(client.remove_source("sw0"));
    }
}

// The kernel's list and the tests of this folder: a new place needs a test.
TEST(FaultSwitch, EveryPlaceIsTested) {
    std::set<std::string> tested{others.begin(), others.end()};
    tested.insert(of_mappings.begin(), of_mappings.end());
    for (const auto& need : needs) tested.insert(need.place);
    std::set<std::string> known;
    for (const auto& [place, state] : fault_places()) {
        known.insert(place);
        EXPECT_EQ(state.left, 0U) << place << " was left switched on";
    }
    EXPECT_EQ(known, tested);
}
