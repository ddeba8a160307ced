// SPDX-License-Identifier: MIT
//
// Every place at which the kernel can fail for lack of memory or at a copy, one at a time, in every
// operation: the caller is told or it worked, nothing is kept, the next attempt works, and the
// books close. Needs a kernel with fault injection: scripts/vm --kernel debug. (The faults switch
// of faults.cpp is in every kernel, and knows the places by name.)
#include <dirent.h>

#include <algorithm>
#include <optional>
#include <set>

#include "support/fail_nth.hpp"
#include "support/kernel.hpp"
#include "support/links.hpp"
#include "support/meanwhile.hpp"
#include "support/netns.hpp"
#include "support/process.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

constexpr statchan::ChannelConfig small_buffers{
    .watermark_records = 1, .buffer_size = 16384, .subbufs = 2, .receive_buffer = 1U << 20};

std::size_t open_files() {
    std::size_t count = 0;
    auto* folder = ::opendir("/proc/self/fd");
    while (::readdir(folder) != nullptr) ++count;
    ::closedir(folder);
    return count;
}

// What there is of each kind: a client may have closed a channel and opened another.
std::set<std::string> kinds_of_holdings() {
    std::set<std::string> kinds;
    for (const auto& line : kernel_holdings())
        kinds.insert(line.starts_with("source") ? line : line.substr(0, line.find(' ')));
    return kinds;
}

}  // namespace

class FailingMemory : public OverTransport {
  protected:
    /// Fails every place; after each, this process and the kernel hold what they held before.
    void step(const std::string& name, const Operation& operation) {
        operation.before();
        const auto refused = operation.attempt();
        ASSERT_FALSE(refused) << name << ", without a fault: " << refused->message();
        operation.after();
        const auto files = open_files();
        const auto held = kinds_of_holdings();
        unsigned kept = 0;
        auto watched = operation;
        watched.after = [&] {
            operation.after();
            std::set<std::string> now;
            if (eventually([&] { return (now = kinds_of_holdings()) == held; }) &&
                open_files() == files)
                return;
            ++kept;
            ADD_FAILURE() << name << ": " << open_files() << " open files and "
                          << testing::PrintToString(now) << " instead of " << files << " and "
                          << testing::PrintToString(held);
        };
        // Nearly all places of bpf are in the kernel's own loading of programs, which takes
        // seconds.
        if (transport() == "bpf") watched.tries = 40;
        auto counts = fail_every_place(watched);
        counts.kept = kept;
        report_faults(name, transport(), counts);
    }
    /// For what can be asked again at any time, and works then.
    void step(const std::string& name, const std::function<Refusal()>& question) {
        step(name, {.attempt = question, .after = [&] {
                        const auto refused = question();
                        EXPECT_FALSE(refused)
                            << name << ", after the fault: " << refused->message();
                    }});
    }
};

class FailingMemoryOfAll : public FailingMemory {};
OVER_ALL_TRANSPORTS(FailingMemoryOfAll);

/// What transports do not do by themselves: through each front end, by each library.
class FailingMemoryOfControl : public FailingMemory {};
INSTANTIATE_TEST_SUITE_P(, FailingMemoryOfControl,
                         testing::Values("ioctl", "netlink", "netlink-nl"), parameter_name);

TEST_P(FailingMemoryOfAll, Client) {
    step("open a client",
         [&] { return refusal(statchan::Client::open({.transport = transport()})); });
}

TEST_P(FailingMemoryOfControl, Questions) {
    Synth synth;
    step("list the transports", [&] { return refusal(client.kernel_transports()); });
    step("list the sources", [&] { return refusal(client.sources()); });
    step("ask for a source", [&] { return refusal(client.source(synth.name())); });
    step("list the channels", [&] { return refusal(client.channels()); });
    std::optional<statchan::Client> fresh;  // a client keeps the schema it has
    step("schema", {.before = [&] { fresh = open_client(transport()); },
                    .attempt = [&] { return refusal(fresh->schema(synth.name())); },
                    .after =
                        [&] {
                            const auto schema = fresh->schema(synth.name());
                            EXPECT_OK(schema);
                            fresh.reset();
                        }});
}

TEST_P(FailingMemoryOfControl, MakingAndRemoving) {
    const auto forget = [&](const std::string& name) {
        const auto made = client.source(name).has_value();
        EXPECT_EQ(client.remove_source(name).has_value(), made);
    };
    const auto make = [&] { ASSERT_OK(client.add_source("sw0", "synth", "run=0")); };
    step("make a source", {.attempt = [&] { return refusal(client.add_source("sw0", "synth")); },
                           .after = [&] { forget("sw0"); }});
    step("set a source", {.before = make,
                          .attempt = [&] { return refusal(client.set_source("sw0", "pps=5")); },
                          .after =
                              [&] {
                                  const auto set = client.set_source("sw0", "pps=6");
                                  EXPECT_OK(set);
                                  forget("sw0");
                              }});
    step("remove a source", {.before = make,
                             .attempt = [&] { return refusal(client.remove_source("sw0")); },
                             .after = [&] { forget("sw0"); }});
}

TEST_P(FailingMemoryOfControl, Interface) {
    const Namespace space{"failing"};
    const Inside inside{space};
    add_dummy("dummy0");
    set_up("dummy0");
    auto here = open_client(transport());
    const auto forget = [&] {
        const auto made = here.source("dummy0").has_value();
        EXPECT_EQ(here.remove_source("dummy0").has_value(), made);
    };
    step(
        "watch an interface",
        {.attempt = [&] { return refusal(here.add_source("dummy0", "netdev")); }, .after = forget});
}

TEST_P(FailingMemoryOfControl, Events) {
    Synth synth;
    step("join the events", [&] { return refusal(client.events()); });
    auto events = client.events();
    ASSERT_OK(events);
    // Who makes an event does not fail by it, and who listens knows that one is missing.
    step("tell an event",
         {.attempt = [&] { return refusal(client.set_source(synth.name(), "pps=5")); },
          .after =
              [&] {
                  const auto set = client.set_source(synth.name(), "pps=6");
                  EXPECT_OK(set);
                  const auto event = events->next(patience);
                  ASSERT_OK(event);
                  EXPECT_TRUE(event->has_value());
                  for (auto more = events->next(std::chrono::nanoseconds{0}); more && *more;)
                      more = events->next(std::chrono::nanoseconds{0});
              }});
    step("receive an event",
         {.before = [&] { EXPECT_OK(client.set_source(synth.name(), "pps=7")); },
          .attempt = [&] { return refusal(events->next(patience)); },
          .after =
              [&] {
                  while (true) {
                      const auto event = events->next(std::chrono::nanoseconds{0});
                      ASSERT_OK(event);
                      if (!event->has_value()) break;
                  }
              }});
}

class FailingMemoryOfSnapshots : public FailingMemory {};
OVER_TRANSPORTS_WITH(FailingMemoryOfSnapshots, statchan::Capability::snapshot);

TEST_P(FailingMemoryOfSnapshots, Snapshot) {
    Synth synth{synth_counters(4096)};
    const auto take = [&](std::chrono::nanoseconds max_age) -> Refusal {
        const auto snapshot = client.snapshot(synth.name(), {.max_age = max_age});
        if (!snapshot) return snapshot.error();
        expect_synth_counters(*snapshot);
        return std::nullopt;
    };
    step("take a snapshot", [&] { return take(std::chrono::nanoseconds{0}); });
    step("share a snapshot", [&] { return take(std::chrono::hours{1}); });
}

class FailingMemoryOfLive : public FailingMemory {};
OVER_TRANSPORTS_WITH(FailingMemoryOfLive, statchan::Capability::live);

TEST_P(FailingMemoryOfLive, Live) {
    Synth synth;
    step("open a live snapshot", [&] { return refusal(client.live(synth.name())); });
}

// The channel is served before its source has begun to sample, which may fail: then records, timers
// and wakeups are there that must end before the channel does.
class FailingMemoryOfEarlyRecords : public FailingMemory {};
INSTANTIATE_TEST_SUITE_P(, FailingMemoryOfEarlyRecords,
                         testing::Values("ioctl", "read", "netlink", "relay", "mmap"),
                         parameter_name);

TEST_P(FailingMemoryOfEarlyRecords, Subscribe) {
    Synth synth{"size=64 pps=1000 cpus=1"};
    synth.set("run=1");
    auto emitter = open_client("ioctl");
    const Meanwhile emits{[&] { EXPECT_OK(emitter.set_source(synth.name(), "emit=2000")); }};
    step("open a channel, meeting records",
         [&] { return refusal(client.subscribe(synth.name(), small_buffers)); });
}

class FailingMemoryOfSamples : public FailingMemory {
  protected:
    statchan::Stream subscribe(const Synth& synth) {
        auto stream = client.subscribe(synth.name(), small_buffers);
        if (!stream) throw std::runtime_error{stream.error().message()};
        return std::move(*stream);
    }
};
OVER_TRANSPORTS_WITH(FailingMemoryOfSamples, statchan::Capability::samples);

TEST_P(FailingMemoryOfSamples, Subscribe) {
    Synth synth{"size=64"};
    step("open a channel",
         {.attempt = [&] { return refusal(client.subscribe(synth.name(), small_buffers)); },
          .after =
              [&] {
                  auto stream = subscribe(synth);
                  Reader reader{stream};
                  synth.emit(5);
                  EXPECT_TRUE(reader.records(5));
                  EXPECT_EQ(reader.received(), 5U);
              }});
}

// What a failed read has not delivered comes with the next one, or the socket has lost it, which
// the books know. The failure may be told after the records that came before it.
TEST_P(FailingMemoryOfSamples, Reading) {
    Synth synth{"size=64"};
    auto stream = subscribe(synth);
    Reader reader{stream};
    reader.expect_from(0);
    step("read records", {.before = [&] { synth.emit(3); },
                          .attempt = [&] { return refusal(reader.try_once(patience)); },
                          .after =
                              [&] {
                                  if (const auto late = reader.try_once(0ns); !late) {
                                      EXPECT_TRUE(is_fault(late.error())) << late.error().message();
                                  }
                                  EXPECT_TRUE(settle(reader, synth));
                              },
                          // what is there already is read where it lies
                          .calls_nothing = transport() == "mmap" || transport() == "bpf"});
    expect_books_close(stream);
}

TEST_P(FailingMemoryOfSamples, Ledger) {
    Synth synth{"size=64"};
    auto stream = subscribe(synth);
    Reader reader{stream};
    synth.emit(10);
    ASSERT_TRUE(reader.records(10));
    step("read the ledger", [&] { return refusal(stream.ledger()); });
    expect_books_close(stream);
}

TEST_P(FailingMemoryOfSamples, Stopping) {
    Synth synth{"size=64"};
    std::optional<statchan::Stream> stream;
    step("stop a channel", {.before =
                                [&] {
                                    stream = subscribe(synth);
                                    synth.emit(3);
                                },
                            .attempt = [&] { return refusal(stream->stop()); },
                            .after =
                                [&] {
                                    EXPECT_OK(stream->stop());
                                    Reader reader{*stream};
                                    EXPECT_TRUE(reader.to_the_end());
                                    EXPECT_EQ(reader.received(), 3U);
                                    expect_books_close(*stream);
                                    stream.reset();
                                }});
}

// Nothing is lost by a switch, nor by one that is refused.
TEST_P(FailingMemoryOfSamples, Switching) {
    Synth synth{"size=64"};
    const auto* const from = transport() == "ioctl" ? "mmap" : "ioctl";
    auto switching = open_client(from);
    std::optional<statchan::Stream> stream;
    step("switch to it",
         {.before =
              [&] {
                  ASSERT_OK(switching.switch_transport(from));
                  auto opened = switching.subscribe(synth.name(), small_buffers);
                  ASSERT_OK(opened);
                  stream = std::move(*opened);
                  synth.emit(3);
              },
          .attempt = [&] { return refusal(switching.switch_transport(*stream, transport())); },
          .after =
              [&] {
                  synth.emit(3);
                  Reader reader{*stream};
                  EXPECT_TRUE(reader.records(6));
                  EXPECT_EQ(reader.received(), 6U);
                  expect_books_close(*stream);
                  stream.reset();
              }});
}

// The producer meets the fault: the record is lost, with its reason, and no other.
TEST_P(FailingMemoryOfSamples, Emitting) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), {.watermark_records = 1});
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.set("run=1 pps=200 cpus=1 context=process");
    ASSERT_TRUE(reader.records(10));
    const int task = synth_producer();
    ASSERT_NE(task, 0);
    constexpr unsigned attempts = 20;
    FaultCounts counts;
    for (unsigned nth = 1; nth <= attempts; ++nth) {
        const FailNth fault{nth, task};
        ASSERT_TRUE(reader.records(reader.accounted() + 10));
        counts.failed += fault.fired() ? 1 : 0;
    }
    synth.set("run=0");
    EXPECT_TRUE(settle(reader, synth));
    expect_books_close(*stream);
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    const auto lost =
        ledger->total().lost[static_cast<std::size_t>(statchan::LostReason::no_memory)].value_or(0);
    EXPECT_EQ(reader.lost(), lost) << "nothing else was lost";
    EXPECT_LE(lost, counts.failed);
    counts.places = counts.failed;
    counts.refused = static_cast<unsigned>(lost);
    report_faults("emit", transport(), counts);
}
