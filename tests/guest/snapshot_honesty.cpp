// SPDX-License-Identifier: MIT
//
// Guarantee 4. Every snapshot arrives with its generation, begin and end time and flags; a piece
// of one generation is never mixed with another.
#include <linux/statchan_synth.h>

#include <atomic>
#include <deque>
#include <thread>

#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

class SnapshotHonesty : public OverTransport {};
OVER_TRANSPORTS_WITH(SnapshotHonesty, statchan::Capability::snapshot);

TEST_P(SnapshotHonesty, TellsWhenAndHow) {
    Synth synth;
    statchan::Time last{};
    for (std::uint64_t generation = 1; generation <= 3; ++generation) {
        const auto before = Clock::now();
        const auto snapshot = client.snapshot(synth.name());
        const auto after = Clock::now();
        ASSERT_OK(snapshot);
        const auto& info = snapshot->info();
        EXPECT_EQ(info.generation, generation);
        EXPECT_EQ(info.source, synth.info().id);
        EXPECT_GE(info.begin, before);
        EXPECT_GE(info.end, info.begin);
        EXPECT_LE(info.end, after);
        EXPECT_GT(info.begin, last);
        EXPECT_TRUE(info.atomic) << "a synth is of one point in time";
        EXPECT_FALSE(info.torn);
        EXPECT_EQ(snapshot->kernel_digest(), std::nullopt) << "nobody asked for it";
        EXPECT_EQ(snapshot->schema().hash(), synth.info().schema_hash);
        EXPECT_EQ(synth.info().generation, generation);
        last = info.end;
    }
}

TEST_P(SnapshotHonesty, ReadersWithinMaxAgeShareOne) {
    Synth synth;
    const auto first = client.snapshot(synth.name());
    ASSERT_OK(first);
    auto other = open_client(transport());
    const auto shared = other.snapshot(synth.name(), {.max_age = 1h});
    ASSERT_OK(shared);
    EXPECT_EQ(shared->generation(), first->generation());
    EXPECT_EQ(shared->info().end, first->info().end);
    // Older than this is every snapshot by now.
    const auto fresh = other.snapshot(synth.name(), {.max_age = 1ns});
    ASSERT_OK(fresh);
    EXPECT_EQ(fresh->generation(), first->generation() + 1);
    expect_synth_counters(*first);
    expect_synth_counters(*shared);
    expect_synth_counters(*fresh);
}

TEST_P(SnapshotHonesty, AsksForOneGenerationOrNone) {
    Synth synth;
    const auto first = client.snapshot(synth.name());
    ASSERT_OK(first);
    const auto again = client.snapshot(synth.name(), {.generation = 1});
    ASSERT_OK(again);
    EXPECT_EQ(again->digest(), first->digest());
    ASSERT_OK(client.snapshot(synth.name()));
    const auto gone = client.snapshot(synth.name(), {.generation = 1});
    ASSERT_FALSE(gone.has_value());
    EXPECT_TRUE(gone.error() == statchan::errc::stale_generation) << gone.error().message();
    EXPECT_NE(gone.error().message().find("generation 1"), std::string::npos)
        << gone.error().message();
}

// Four threads, each with its own client, take and read large snapshots at once: whoever gets a
// piece of another's generation finds a wrong counter.
TEST_P(SnapshotHonesty, LongTransfersDoNotTear) {
    Synth synth{synth_counters(131'072)};
    std::atomic<int> taken{0};
    const auto reader = [&](std::chrono::nanoseconds max_age) {
        auto mine = open_client(transport());
        for (int i = 0; i < 6; ++i) {
            const auto snapshot = mine.snapshot(synth.name(), {.max_age = max_age});
            ASSERT_OK(snapshot);
            expect_synth_counters(*snapshot);
            ++taken;
        }
    };
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (const auto max_age : {0ns, 0ns, 1'000'000ns, 100'000'000ns})
        threads.emplace_back(reader, max_age);
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(taken, 24);
}

// Kept for computing rates: taking others must not change those that a program still holds.
TEST_P(SnapshotHonesty, HeldSnapshotsStayAsTheyWere) {
    Synth synth{synth_counters(4096)};
    std::deque<statchan::Snapshot> held;
    for (int i = 0; i < 10; ++i) {
        auto snapshot = client.snapshot(synth.name());
        ASSERT_OK(snapshot);
        held.push_back(std::move(*snapshot));
    }
    for (std::size_t i = 0; i < held.size(); ++i) {
        EXPECT_EQ(held[i].generation(), i + 1);
        expect_synth_counters(held[i]);
    }
}

TEST_P(SnapshotHonesty, OutlivesClientAndSource) {
    std::optional<statchan::Snapshot> snapshot;
    {
        Synth synth{synth_counters(512)};
        auto short_lived = open_client(transport());
        auto taken = short_lived.snapshot(synth.name());
        ASSERT_OK(taken);
        snapshot = std::move(*taken);
    }
    expect_synth_counters(*snapshot);
}

TEST_P(SnapshotHonesty, SourceThatIsGoneIsAnError) {
    Synth synth;
    ASSERT_OK(client.snapshot(synth.name()));
    synth.remove();
    const auto snapshot = client.snapshot(synth.name());
    ASSERT_FALSE(snapshot.has_value());
    EXPECT_TRUE(snapshot.error() == statchan::errc::no_such_source) << snapshot.error().message();
    EXPECT_NE(snapshot.error().message().find(synth.name()), std::string::npos);
}

// A source of the same name is another source: its layout must not be guessed from the old one.
TEST_P(SnapshotHonesty, FollowsASourceMadeAnew) {
    {
        Synth synth{synth_counters(512), "again"};
        ASSERT_OK(client.snapshot("again"));
    }
    Synth synth{synth_counters(4096), "again"};
    const auto snapshot = client.snapshot("again");
    ASSERT_OK(snapshot);
    EXPECT_EQ(snapshot->generation(), 1U);
    ASSERT_EQ(snapshot->counters().size(), 4096U);
    expect_synth_counters(*snapshot);
}

// ---- the live snapshot: no system call, so the reader itself must see staleness and tears

class LiveSnapshot : public OverTransport {};
OVER_TRANSPORTS_WITH(LiveSnapshot, statchan::Capability::live);

TEST_P(LiveSnapshot, IsRefreshedAndWhole) {
    Synth synth{synth_counters(8192)};
    auto live = client.live(synth.name(), 5ms);
    ASSERT_OK(live);
    EXPECT_EQ(live->period(), 5ms);
    std::uint64_t seq = 0;
    int refreshes = 0;
    EXPECT_TRUE(eventually([&] {
        const auto copy = live->copy();
        EXPECT_OK(copy);
        expect_synth_counters(*copy);
        const auto read = live->read([](const statchan::SnapshotView&) {});
        EXPECT_OK(read);
        EXPECT_GE(read->seq, seq) << "an older image came back";
        EXPECT_GE(read->staleness, 0ns);
        if (read->seq != seq) ++refreshes;
        seq = read->seq;
        return refreshes >= 10 || HasFailure();
    }));
    EXPECT_EQ(live->errors(), 0U);
}

// Reads as fast as it can while the kernel refreshes as fast as it may. Whatever read() calls good
// must be of one generation; what it retries, it counts.
TEST_P(LiveSnapshot, TornReadsAreRetriedAndCounted) {
    Synth synth{synth_counters(131'072)};
    auto live = client.live(synth.name(), 1ms);
    ASSERT_OK(live);
    std::uint64_t retries = 0;
    std::uint64_t first_seq = 0;
    std::uint64_t last_seq = 0;
    const auto deadline = Clock::now() + 2s;
    const auto more = [&] {
        const auto now = Clock::now();
        return now < deadline || (last_seq == first_seq && now < deadline + patience);
    };
    while (more() && !HasFailure() && last_seq - first_seq < 40) {
        std::uint64_t wrong = 0;
        const auto read = live->read([&](const statchan::SnapshotView& view) {
            // The digest is quick enough to be torn, and to be compared.
            wrong = 0;
            const auto counters = view.counters();
            for (std::size_t i = 0; i < counters.size(); i += 509) {
                const bool gauge = i % 8 == 7;
                const auto wanted = gauge ? statchan_synth_gauge(view.generation(), i)
                                          : statchan_synth_counter(view.generation(), i);
                if (counters[i] != wanted) ++wrong;
            }
        });
        ASSERT_OK(read);
        EXPECT_EQ(wrong, 0U) << "a torn image was called good";
        retries += read->retries;
        if (first_seq == 0) first_seq = read->seq;
        last_seq = read->seq;
    }
    EXPECT_GT(last_seq, first_seq) << "never refreshed";
    EXPECT_EQ(live->torn(), retries);
}

TEST_P(LiveSnapshot, KnowsHowStaleItIs) {
    Synth synth;
    auto live = client.live(synth.name(), 1h);
    ASSERT_OK(live);
    const auto staleness = [&] {
        const auto read = live->read([](const statchan::SnapshotView&) {});
        EXPECT_OK(read);
        return read ? read->staleness : 0ns;
    };
    const auto begin = Clock::now();
    const auto first = staleness();
    EXPECT_TRUE(eventually([&] { return staleness() - first >= 20ms; }));
    EXPECT_GE(Clock::now() - begin, 20ms);
}

// Not a tick's: that is 4 ms here, and half of it was no period at all.
TEST_P(LiveSnapshot, KeepsAPeriodBelowATick) {
    constexpr auto period = 1ms;
    Synth synth;
    auto live = client.live(synth.name(), period);
    ASSERT_OK(live);
    const auto seq = [&] {
        const auto read = live->read([](const statchan::SnapshotView&) {});
        EXPECT_OK(read);
        return read ? read->seq : 0;
    };
    const auto begin = Clock::now();
    const auto first = seq();
    std::uint64_t last = first;
    EXPECT_TRUE(eventually([&] { return (last = seq()) >= first + 50; }));
    // The first may have been a period old.
    EXPECT_GE(Clock::now() - begin, (last - first - 1) * period);
}

TEST_P(LiveSnapshot, EndsWithItsSource) {
    // However long it would be until the next refresh.
    for (const auto period : {std::chrono::nanoseconds{1ms}, std::chrono::nanoseconds{24h}}) {
        SCOPED_TRACE(period.count());
        Synth synth;
        auto live = client.live(synth.name(), period);
        ASSERT_OK(live);
        ASSERT_OK(live->read([](const statchan::SnapshotView&) {}));
        synth.remove();
        std::optional<statchan::Error> error;
        EXPECT_TRUE(eventually([&] {
            const auto read = live->read([](const statchan::SnapshotView&) {});
            if (!read) error = read.error();
            return error.has_value();
        }));
        ASSERT_TRUE(error);
        EXPECT_TRUE(*error == statchan::errc::end_of_stream) << error->message();
    }
}

TEST_P(LiveSnapshot, OutlivesItsClient) {
    Synth synth{synth_counters(512)};
    std::optional<statchan::LiveSnapshot> live;
    {
        auto short_lived = open_client(transport());
        auto made = short_lived.live(synth.name(), 1ms);
        ASSERT_OK(made);
        live.emplace(std::move(*made));
    }
    const auto copy = live->copy();
    ASSERT_OK(copy);
    expect_synth_counters(*copy);
}

TEST_P(LiveSnapshot, PeriodHasLimits) {
    Synth synth;
    for (const auto period : {std::chrono::nanoseconds{1}, std::chrono::nanoseconds{48h}}) {
        const auto live = client.live(synth.name(), period);
        ASSERT_FALSE(live.has_value());
        EXPECT_TRUE(live.error().is(std::errc::invalid_argument)) << live.error().message();
        EXPECT_NE(live.error().message().find("period"), std::string::npos)
            << live.error().message();
    }
}
