// SPDX-License-Identifier: MIT
//
// The places at which the kernel can fail for lack of memory or at a copy, one at a time, in every
// operation (all of them, of operations with very many a choice that is another in each run): the
// caller is told, by an error that this operation may have, or it worked; nothing is kept, the next
// attempt works, and the books close. Needs a kernel with fault injection: scripts/vm --kernel
// debug. (The faults switch of faults.cpp is in every kernel, and knows the places by name.)
#include <dirent.h>
#include <fcntl.h>
#include <linux/statchan.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "support/device.hpp"
#include "support/fail_nth.hpp"
#include "support/kernel.hpp"
#include "support/links.hpp"
#include "support/mappable.hpp"
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

// How many there are of each kind: a client may have closed a channel and opened another. Of memory
// only whether there is some: a source keeps a snapshot or two. (The end of the test sees to the
// rest.)
std::multiset<std::string> kinds_of_holdings() {
    std::multiset<std::string> kinds;
    for (const auto& line : kernel_holdings()) {
        const auto kind = line.starts_with("source") ? line : line.substr(0, line.find(' '));
        if (kind != "memory" || !kinds.contains(kind)) kinds.insert(kind);
    }
    return kinds;
}

/// Fails every place, and makes a row of the table; after each, this process and the kernel hold
/// what they held before.
void step_through(const std::string& name, const std::string& over, Operation operation) {
    operation.before();
    const auto refused = operation.attempt();
    ASSERT_FALSE(refused) << name << ", without a fault: " << refused->message();
    operation.after();
    const auto files = open_files();
    const auto held = kinds_of_holdings();
    unsigned kept = 0;
    operation.after = [&, after = operation.after] {
        after();
        std::multiset<std::string> now;
        // memory that is kept for a while may have gone, and nothing else
        const auto as_before = [&] {
            now = kinds_of_holdings();
            std::multiset<std::string> gone;
            std::ranges::set_difference(held, now, std::inserter(gone, gone.end()));
            return std::ranges::includes(held, now) && gone.count("memory") == gone.size();
        };
        if (eventually(as_before) && open_files() == files) return;
        ++kept;
        ADD_FAILURE() << name << ": " << open_files() << " open files and "
                      << testing::PrintToString(now) << ", before " << files << " and "
                      << testing::PrintToString(held);
    };
    auto counts = fail_every_place(name + " over " + over, operation);
    counts.kept = kept;
    report_faults(name, over, counts);
}

}  // namespace

class FailingMemory : public OverTransport {
  protected:
    void step(const std::string& name, Operation operation) {
        if (operation.errors.empty()) operation.errors = asking();
        step_through(name, transport(), std::move(operation));
    }
    /// For what can be asked again at any time, and works then.
    void step(const std::string& name, const std::function<Refusal()>& question,
              const Errors& errors = {}) {
        step(name, {.attempt = question,
                    .after =
                        [&] {
                            const auto refused = question();
                            EXPECT_FALSE(refused)
                                << name << ", after the fault: " << refused->message();
                        },
                    .errors = errors});
    }

    /// What a question may be refused with, where nothing else is said.
    [[nodiscard]] Errors asking() const { return is_netlink() ? with_messages() : lack; }
    /// What opens something, too: over netlink a socket.
    [[nodiscard]] Errors opening() const { return is_netlink() ? with_socket() : lack; }
    /// A channel, too: a BPF program is loaded, whose verifier keeps a log.
    [[nodiscard]] Errors subscribing() const {
        auto errors = opening();
        if (transport() == "bpf") errors.insert(std::errc::no_space_on_device);
        return errors;
    }
    /// A debug kernel takes seconds to load a BPF program, and each attempt loads two. Hardly any
    /// of the places are ours, all others are in that loading: so of these only some each time.
    [[nodiscard]] unsigned subscriptions() const {
        return transport() == "bpf" ? 40 : Operation{}.tries;
    }

    /// Netlink's own word for no memory, of whoever sends something to be asked or answered.
    static Errors with_messages() {
        auto errors = lack;
        errors.insert(std::errc::no_buffer_space);
        return errors;
    }
    /// ENFILE: a socket has no inode. Of nothing else that is made here.
    static Errors with_socket() {
        auto errors = with_messages();
        errors.insert(std::errc::too_many_files_open_in_system);
        return errors;
    }
};

class FailingMemoryOfAll : public FailingMemory {};
OVER_ALL_TRANSPORTS(FailingMemoryOfAll);

/// What transports do not do by themselves: through each front end, by each library.
class FailingMemoryOfControl : public FailingMemory {};
INSTANTIATE_TEST_SUITE_P(, FailingMemoryOfControl,
                         testing::Values("ioctl", "netlink", "netlink-nl"), parameter_name);

TEST_P(FailingMemoryOfAll, Client) {
    step(
        "open a client",
        [&] { return refusal(statchan::Client::open({.transport = transport()})); }, opening());
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
    for (const auto* change : {"run=1", "emit=5"})
        step(std::string{"set "} + change,
             {.before = make,
              .attempt = [&] { return refusal(client.set_source("sw0", change)); },
              .after =
                  [&] {
                      const auto set = client.set_source("sw0", change);
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
    ASSERT_OK(here.add_source("dummy0", "netdev"));
    step(
        "sample an interface", [&] { return refusal(here.subscribe("dummy0", small_buffers)); },
        subscribing());
    {
        auto stream = here.subscribe("dummy0", small_buffers);
        ASSERT_OK(stream);
        const auto choose = [&](const char* direction) {
            return here.set_source("dummy0", std::string{"direction="} + direction);
        };
        // one hook goes, and the other comes
        step("choose a direction", {.before = [&] { EXPECT_OK(choose("ingress")); },
                                    .attempt = [&] { return refusal(choose("egress")); },
                                    .after = [&] { EXPECT_OK(choose("both")); }});
    }
    // last: its memory stays for a while
    step("count of an interface", [&] { return refusal(here.snapshot("dummy0")); });
}

TEST_P(FailingMemoryOfControl, Events) {
    Synth synth;
    // By netlink, whatever the transport.
    step(
        "join the events", [&] { return refusal(client.events()); }, with_socket());
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
              },
          .errors = with_messages()});
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
// and wakeups are there that must end before the channel does. Over all of the kernel's transports
// but bpf, where almost all places are of loading its program.
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
         {.attempt = [&] { return refusal(client.subscribe(synth.name(), small_buffers)); },
          .after =
              [&] {
                  auto stream = client.subscribe(synth.name(), small_buffers);
                  ASSERT_OK(stream);
                  Reader reader{*stream};
                  EXPECT_TRUE(reader.records(1));
                  EXPECT_OK(stream->stop());
                  EXPECT_TRUE(reader.to_the_end());
                  expect_books_close(*stream);
              },
          .errors = subscribing()});
}

class FailingMemoryOfOverwriting : public FailingMemory {};
OVER_TRANSPORTS_WITH(FailingMemoryOfOverwriting, statchan::Capability::overwrite);

TEST_P(FailingMemoryOfOverwriting, Subscribe) {
    Synth synth{"size=64"};
    auto overwriting = small_buffers;
    overwriting.mode = statchan::Mode::overwrite;
    step("open one that overwrites",
         {.attempt = [&] { return refusal(client.subscribe(synth.name(), overwriting)); },
          .after =
              [&] {
                  auto stream = client.subscribe(synth.name(), overwriting);
                  ASSERT_OK(stream);
                  synth.emit(1000);
                  EXPECT_OK(stream->stop());
                  Reader reader{*stream};
                  EXPECT_TRUE(reader.to_the_end());
                  EXPECT_GT(reader.received(), 0U);
                  expect_books_close(*stream);
              },
          .errors = subscribing()});
}

class FailingMemoryOfMappings : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(, FailingMemoryOfMappings, testing::ValuesIn(mappables()), parameter_name);

// And its pages, where they come when they are looked at.
TEST_P(FailingMemoryOfMappings, Mapping) {
    Synth synth{"size=64"};
    const Mappable target{GetParam(), synth.info().id};
    void* at = MAP_FAILED;
    const auto let_go = [&] {
        // not in the attempt: it may lack memory, too
        if (at == MAP_FAILED) return;
        EXPECT_EQ(::munmap(std::exchange(at, MAP_FAILED), target.len()), 0);
    };
    step_through("map", GetParam(),
                 {.attempt =
                      [&] {
                          at = target.map(PROT_READ, MAP_SHARED);
                          return refusal_by(at == MAP_FAILED ? errno : 0);
                      },
                  .after =
                      [&] {
                          let_go();
                          at = target.map();
                          if (at != MAP_FAILED && target.has_pages())
                              std::atomic_ref{static_cast<std::byte*>(at)[target.len() - 1]}.load();
                          let_go();
                      },
                  .errors = lack});
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
              },
          .errors = subscribing(),
          .tries = subscriptions()});
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
                                      EXPECT_TRUE(is_one_of(late.error(), asking()))
                                          << late.error().message();
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
              },
          .errors = subscribing(),
          .tries = subscriptions()});
}

// On a record's way nothing can fail: neither is anything allocated there, nor copied. But in the
// producer's thread a debug kernel now and then fetches memory for its own lists (of timers), so
// what counts is that there is nothing during some of the records: of ours it would be during all.
TEST_P(FailingMemoryOfSamples, Emitting) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), {.watermark_records = 1});
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.set("run=1 pps=200 cpus=1 context=process");
    ASSERT_TRUE(reader.records(10));
    const int task = synth_producer();
    ASSERT_NE(task, 0);
    FaultCounts counts;
    const auto deadline = Clock::now() + patience;
    do {
        const auto begin = synth.info().emitted;
        const FailNth count{FailNth::far, task};
        ASSERT_TRUE(reader.until([&] { return synth.info().emitted >= begin + 50; }));
        counts.places = count.passed();
    } while (counts.places != 0 && Clock::now() < deadline);
    EXPECT_EQ(counts.places, 0U) << "places that may fail during 50 records, every time";
    synth.set("run=0");
    EXPECT_TRUE(settle(reader, synth));
    expect_books_close(*stream);
    report_faults("emit", transport(), counts);
}

class FailingMemoryOfMessages : public FailingMemory {};
INSTANTIATE_TEST_SUITE_P(, FailingMemoryOfMessages, testing::Values("netlink", "netlink-nl"),
                         parameter_name);

// What a record over netlink is written into is made beforehand, by a worker. If that finds no
// memory, records are lost by that reason and no other, until it does: it asks again by itself.
TEST_P(FailingMemoryOfMessages, Making) {
    // Of these each has room for the longest record, and so for many short ones.
    constexpr std::size_t message = 65536;
    constexpr std::uint64_t more_than_fit = 2000;
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(), {.snaplen = STATCHAN_SNAPLEN_MAX,
                                                  .watermark_records = 1,
                                                  .buffer_size = 16384,
                                                  .receive_buffer = 4U << 20});
    ASSERT_OK(stream);
    ASSERT_LT(stream->effective().buffer_size, 3 * message) << "two are made";
    Reader reader{*stream};
    reader.expect_from(0);
    synth.emit(1);
    ASSERT_TRUE(reader.records(1));
    FaultCounts counts;
    {
        // Nothing else here takes so many pages at once: the stack of a thread is half as large.
        const FailPages fault{static_cast<unsigned>(std::countr_zero(message / page_size()))};
        synth.emit(1);
        // It has failed, and has said so when it asks again.
        ASSERT_TRUE(eventually([&] { return fault.failed() >= 2; })) << "nothing was asked for";
        synth.emit(more_than_fit);
        counts.failed = fault.failed();
    }
    EXPECT_TRUE(settle(reader, synth));
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    const auto lost =
        ledger->total().lost[static_cast<std::size_t>(statchan::LostReason::no_memory)].value_or(0);
    EXPECT_GE(lost, more_than_fit - message / (sizeof(statchan_record) + 64));
    EXPECT_EQ(reader.lost(), lost) << "nothing else was lost";
    for (const auto& gap : reader.gaps())
        EXPECT_EQ(gap.reason, statchan::LostReason::no_memory) << to_string(gap);
    const auto received = reader.received();
    synth.emit(10);
    EXPECT_TRUE(settle(reader, synth));
    EXPECT_GT(reader.received(), received) << "none come any more";
    expect_books_close(*stream);
    counts.places = counts.failed;
    report_faults("make messages", transport(), counts);
}

/// What the library has no function for.
class FailingMemoryOfPlainCalls : public FailingMemory {};
INSTANTIATE_TEST_SUITE_P(, FailingMemoryOfPlainCalls, testing::Values("ioctl"), parameter_name);

TEST_P(FailingMemoryOfPlainCalls, Calibrating) {
    const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    ASSERT_GE(device.get(), 0);
    const auto page = page_size();
    std::vector<char> buffer(page);
    void* const area = ::mmap(nullptr, page, PROT_READ, MAP_SHARED, device.get(),
                              static_cast<off_t>(STATCHAN_MMAP_CALIBRATE));
    ASSERT_NE(area, MAP_FAILED);
    // tmpfs has no inode for a file: it says that it is full
    auto of_files = lack;
    of_files.insert(std::errc::no_space_on_device);
    const struct {
        const char* name;
        std::uint32_t step;
        std::size_t bytes;
        const void* buf;
        Errors errors;
    } calibrations[] = {
        {"clock", STATCHAN_CAL_CLOCK, 0, nullptr, lack},
        {"vfs", STATCHAN_CAL_VFS, 0, nullptr, of_files},
        {"fop", STATCHAN_CAL_FOP, 0, nullptr, of_files},
        {"copy", STATCHAN_CAL_COPY, page, buffer.data(), lack},
        {"remap", STATCHAN_CAL_REMAP, page, area, lack},
        {"skb", STATCHAN_CAL_SKB, page, nullptr, lack},
        {"nobody", STATCHAN_CAL_NOBODY, 0, nullptr, lack},
        {"unheard", STATCHAN_CAL_UNHEARD, 0, nullptr, lack},
    };
    for (const auto& calibration : calibrations) {
        const auto once = [&] {
            statchan_calibrate request{};
            request.size = sizeof request;
            request.step = calibration.step;
            request.iterations = 1;
            request.bytes = calibration.bytes;
            request.buf = reinterpret_cast<std::uintptr_t>(calibration.buf);
            const int done = ::ioctl(device.get(), STATCHAN_IOC_CALIBRATE, &request);
            return refusal_by(done == 0 ? 0 : errno);
        };
        step(std::string{"calibrate: "} + calibration.name, once, calibration.errors);
    }
    ::munmap(area, page);
}

// Ours are the last that prepare it: before them are hundreds of the kernel's own places.
TEST_P(FailingMemoryOfPlainCalls, Namespace) {
    const Descriptor home{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    ASSERT_GE(home.get(), 0);
    step("make a network namespace",
         {.attempt = [] { return refusal_by(::unshare(CLONE_NEWNET) == 0 ? 0 : errno); },
          .after = [&] { ASSERT_EQ(::setns(home.get(), CLONE_NEWNET), 0); },
          .errors = with_socket(),  // others prepare it, too
          .last = 24});
}

// The pages that a pipe is given are copies: of what is refused nothing is consumed.
TEST_P(FailingMemoryOfPlainCalls, SplicingRecords) {
    Synth synth{"size=64"};
    const RawChannel channel{synth.info().id, STATCHAN_T_RELAY};
    const Descriptor file{
        ::open((std::string{channel.answer.path} + "/cpu0").c_str(), O_RDONLY | O_CLOEXEC)};
    ASSERT_GE(file.get(), 0);
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    const Descriptor out{ends[0]};
    const Descriptor in{ends[1]};
    const auto splice_some = [&] {
        const auto taken =
            ::splice(file.get(), nullptr, in.get(), nullptr, 4096, SPLICE_F_NONBLOCK);
        return refusal_by(taken > 0 ? 0 : taken == 0 ? ENODATA : errno);
    };
    std::uint64_t next = 0;  // of the records that came out of the pipe
    step("splice records",
         {.before = [&] { synth.emit(3); },
          .attempt = splice_some,
          .after =
              [&] {
                  (void)splice_some();
                  statchan_record record{};
                  char payload[64];
                  while (::read(out.get(), &record, sizeof record) == ssize_t{sizeof record}) {
                      EXPECT_EQ(record.seq, next++);
                      EXPECT_EQ(::read(out.get(), payload, sizeof payload),
                                ssize_t{sizeof payload});
                  }
                  EXPECT_EQ(next % 3, 0U) << "some are missing";
              },
          // of splice() when it has no page
          .errors = {std::errc::resource_unavailable_try_again}});
}

TEST_P(FailingMemoryOfPlainCalls, OldText) {
    Synth synth;
    const auto name = synth.name() + "~legacy";
    const Descriptor folder{
        ::open("/proc/thread-self/net/" STATCHAN_PROC_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    ASSERT_GE(folder.get(), 0);
    step("read the old text", [&] {
        const Descriptor file{::openat(folder.get(), name.c_str(), O_RDONLY | O_CLOEXEC)};
        char text[4096];
        const auto got = file.get() < 0 ? -1 : ::read(file.get(), text, sizeof text);
        const int err = got < 0 ? errno : 0;
        EXPECT_NE(got, 0) << "an empty text";
        return refusal_by(err);
    });
}
