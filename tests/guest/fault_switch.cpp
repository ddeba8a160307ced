// SPDX-License-Identifier: MIT
//
// The switch itself, and the faults that do not concern the opening of streams. See faults.cpp.
#include <cerrno>

#include "support/fault.hpp"
#include "support/links.hpp"
#include "support/netns.hpp"
#include "support/process.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::LostReason;

TEST(FaultSwitch, BadInputIsRefusedAndChangesNothing) {
    for (const auto& [text, err] : {
             std::pair{std::string{"nosuch 1"}, ENOENT},
             {"rin 1", ENOENT},
             {"", EINVAL},
             {"ring", EINVAL},
             {"ring x", EINVAL},
             {"ring -1", EINVAL},
             {"ring 1 0", EINVAL},
             {"ring 1 x", EINVAL},
             {"ring 1 1 1", EINVAL},
             {"ring 1 1 x", EINVAL},
             {"ring 1x", EINVAL},
             {"ring 18446744073709551616", EINVAL},
             {"ring 1 " + std::string(64, '1'), EINVAL},
             {std::string(4096, 'r'), EINVAL},
             {std::string(40, 'r') + " 1", ENOENT},
             {std::string{"ring\0 1", 7}, EINVAL},
         }) {
        SCOPED_TRACE(text.substr(0, 100));
        EXPECT_EQ(write_faults(text), err);
    }
    for (const auto& [place, state] : fault_places()) EXPECT_EQ(state.left, 0U) << place;
}

TEST(FaultSwitch, IsForRootOnly) {
    const auto got = as_nobody([] { return std::to_string(write_faults("ring 1")); });
    EXPECT_EQ(got, std::to_string(EACCES));
}

TEST(FaultSwitch, CountsDownAndSwitchesOff) {
    Synth synth;
    auto client = open_client("ioctl");
    ASSERT_EQ(write_faults("channel 2 2\n"), 0);
    const auto failed = fault_places()["channel"].failed;
    for (const bool works : {true, false, false, true}) {
        EXPECT_EQ(client.subscribe(synth.name()).has_value(), works);
    }
    EXPECT_EQ(fault_places()["channel"].failed, failed + 2);
    ASSERT_EQ(write_faults("channel 1 5"), 0);
    ASSERT_EQ(write_faults("channel 0"), 0);
    EXPECT_OK(client.subscribe(synth.name()));
    EXPECT_EQ(fault_places()["channel"].left, 0U);
}

class FaultsOfMessages : public OverTransport {};
OVER_TRANSPORTS_WITH(FaultsOfMessages, statchan::Capability::multicast);

// No message can be replaced: what is lost then is lost for lack of memory, and says so.
TEST_P(FaultsOfMessages, RefillThatFailsIsNoMemory) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), {.watermark_records = 1, .buffer_size = 32768});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(10);
    ASSERT_TRUE(reader.records(10)) << "the worker is at rest, and all messages are there";
    {
        const Fault fault{"netlink_skb", 1, Fault::always};
        // From the first failure on the lack has this name; it is noted when the next one comes.
        synth.emit(1);
        EXPECT_TRUE(eventually([&] { return fault.fired() > 1; }));
        synth.emit(5000);
        reader.drain();
        EXPECT_LT(reader.received(), 5011U);
    }
    EXPECT_TRUE(settle(reader, synth));
    ASSERT_FALSE(reader.gaps().empty());
    for (const auto& gap : reader.gaps()) EXPECT_EQ(gap.reason, LostReason::no_memory);
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    const auto lost = ledger->total().lost;
    EXPECT_EQ(lost[static_cast<std::size_t>(LostReason::no_memory)], reader.lost());
    EXPECT_EQ(lost[static_cast<std::size_t>(LostReason::ring_full)], 0U);
    expect_books_close(*stream);
    // Memory is back, so the stream is as it was.
    const auto before = reader.received();
    synth.emit(100);
    EXPECT_TRUE(reader.until([&] { return reader.received() == before + 100; }));
}

// Once or twice, and then there is memory again: nothing is lost at all.
TEST_P(FaultsOfMessages, ShortLackIsNotNoticed) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), {.watermark_records = 1});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    {
        const Fault fault{"netlink_skb", 1, 2};
        for (int i = 1; i <= 20; ++i) {
            synth.emit(10);
            EXPECT_TRUE(reader.records(static_cast<std::uint64_t>(i) * 10));
        }
        EXPECT_TRUE(eventually([&] { return fault.fired() == 2; }));
    }
    EXPECT_EQ(reader.received(), 200U);
    expect_books_close(*stream);
}

class FaultsOfOverwrite : public OverTransport {};
OVER_TRANSPORTS_WITH(FaultsOfOverwrite, statchan::Capability::overwrite);

// Where the oldest make room there is always some, but an injected loss is one all the same.
TEST_P(FaultsOfOverwrite, LostRecordIsAGapWithItsReason) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), {.mode = statchan::Mode::overwrite});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    for (const std::uint64_t nth : {5U, 20U}) {
        const Fault fault{"record", nth};
        synth.emit(20);
    }
    ASSERT_OK(stream->stop());
    EXPECT_TRUE(reader.to_the_end());
    EXPECT_EQ(reader.received(), 38U);
    ASSERT_EQ(reader.gaps().size(), 2U);
    for (const auto& gap : reader.gaps()) EXPECT_EQ(gap.reason, LostReason::injected);
    EXPECT_EQ(reader.gaps().front().first_seq, 4U);
    EXPECT_EQ(reader.gaps().back().first_seq, 39U) << "after the last record";
    expect_books_close(*stream);
}

class FaultsOfSnapshots : public OverTransport {};
OVER_TRANSPORTS_WITH(FaultsOfSnapshots, statchan::Capability::snapshot);

// Two slots are used in turn. One that can not be made leaves the newest in place.
TEST_P(FaultsOfSnapshots, SnapshotIsRefusedAndTheNewestStays) {
    Synth synth;
    for (const std::uint64_t generation : {0U, 1U}) {
        SCOPED_TRACE(generation);
        {
            const Fault fault{"snapshot"};
            expect_no_memory(client.snapshot(synth.name()), synth.name());
        }
        EXPECT_EQ(synth.info().generation, generation) << "a failure is no generation";
        if (generation > 0) {
            const auto newest = client.snapshot(synth.name(), {.max_age = 1h});
            ASSERT_OK(newest);
            EXPECT_EQ(newest->generation(), generation);
        }
        const auto next = client.snapshot(synth.name());
        ASSERT_OK(next);
        EXPECT_EQ(next->generation(), generation + 1);
        expect_synth_counters(*next);
    }
}

class FaultsOfLive : public OverTransport {};
OVER_TRANSPORTS_WITH(FaultsOfLive, statchan::Capability::live);

TEST_P(FaultsOfLive, OpeningIsRefusedAndWorksTheNextTime) {
    Synth synth;
    for (const std::string place : {"channel", "snapshot", "live"}) {
        SCOPED_TRACE(place);
        {
            const Fault fault{place};
            expect_no_memory(client.live(synth.name()), synth.name());
        }
        EXPECT_TRUE(client.channels()->empty());
    }
    auto live = client.live(synth.name());
    ASSERT_OK(live);
    EXPECT_OK(live->copy());
}

// A refresh that fails is counted, the image before stays, and the next refresh comes.
TEST_P(FaultsOfLive, RefreshThatFailsIsCounted) {
    Synth synth;
    const Fault fault{"snapshot", 2};  // the first is taken by the open
    auto live = client.live(synth.name(), 5ms);
    ASSERT_OK(live);
    EXPECT_TRUE(eventually([&] { return live->errors() == 1; }));
    const auto before = live->copy();
    ASSERT_OK(before);
    expect_synth_counters(*before);
    EXPECT_TRUE(eventually([&] {
        const auto now = live->copy();
        return now && now->generation() > before->generation();
    }));
    EXPECT_EQ(live->errors(), 1U);
}

// The interface is let go of again: otherwise it could not be deleted.
TEST(FaultsOfNetdev, SourceIsNotMadeInPart) {
    const Namespace space{"faulty"};
    const Inside there{space};
    add_dummy("dummy0");
    auto client = open_client("ioctl");
    for (const std::string place : {"source", "schema"}) {
        SCOPED_TRACE(place);
        {
            const Fault fault{place};
            expect_no_memory(client.add_source("dummy0", "netdev"), "dummy0");
        }
        ASSERT_OK(client.add_source("dummy0", "netdev"));
        ASSERT_OK(client.remove_source("dummy0"));
    }
    {
        const Fault fault{"source"};
        expect_no_memory(client.add_source("dummy0", "netdev"), "dummy0");
    }
    remove_link("dummy0");
}
