// SPDX-License-Identifier: MIT
//
// Guarantee 8, seen from the modules: removal of one that is in use is refused at once, and
// everything goes on; what has no use of it is no hindrance, and says so when they are gone.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <initializer_list>
#include <optional>

#include "support/device.hpp"
#include "support/kernel.hpp"
#include "support/module.hpp"
#include "support/raw_netlink.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

namespace {

void expect_both_stay() {
    EXPECT_EQ(remove_module("statchan_synth"), EWOULDBLOCK);
    EXPECT_EQ(remove_module("statchan"), EWOULDBLOCK);
}

/// A dump of a snapshot that is read piece by piece.
class Dump {
  public:
    Dump(std::uint32_t source, std::uint32_t piece) {
        socket_.ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP, [&](nlmsghdr* head) {
            mnl_attr_put_u32(head, STATCHAN_A_SOURCE, source);
            mnl_attr_put_u64(head, STATCHAN_A_LENGTH, piece);
        });
    }

    /// Takes a piece: how many bytes of the snapshot came; 0 at the end, -1 if the dump failed.
    std::int64_t next() {
        if (done_) return 0;
        auto left = static_cast<int>(socket_.receive());
        const auto* head = reinterpret_cast<const nlmsghdr*>(socket_.received().data());
        if (left < 0) return -1;
        std::int64_t bytes = 0;
        for (; mnl_nlmsg_ok(head, left); head = mnl_nlmsg_next(head, &left)) {
            if (head->nlmsg_type == NLMSG_ERROR) return -1;
            if (head->nlmsg_type == NLMSG_DONE) {
                done_ = true;
                return *static_cast<const int*>(mnl_nlmsg_get_payload(head)) == 0 ? bytes : -1;
            }
            each_attribute(head, [&](const nlattr* attribute) {
                if (mnl_attr_get_type(attribute) == STATCHAN_A_DATA)
                    bytes += mnl_attr_get_payload_len(attribute);
            });
        }
        return bytes;
    }

  private:
    RawNetlink socket_;
    bool done_ = false;
};

}  // namespace

class ModuleRemoval : public OverTransport {};
OVER_TRANSPORTS_WITH(ModuleRemoval, statchan::Capability::samples);

TEST_P(ModuleRemoval, IsRefusedWhileAStreamIsRead) {
    Synth synth{"size=64 cpus=2 context=softirq"};
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.set("pps=20000 run=1");
    for (int i = 0; i < 20; ++i) {
        expect_both_stay();
        EXPECT_TRUE(reader.records(reader.accounted() + 50));
    }
    synth.set("run=0");
    EXPECT_TRUE(settle(reader, synth));
    expect_books_close(*stream);
}

// The stream has ended, but its channel is still there: so is the module, which it may call.
TEST_P(ModuleRemoval, IsRefusedUntilAnEndedStreamIsClosed) {
    {
        Synth synth{"size=64"};
        auto stream = client.subscribe(synth.name());
        ASSERT_OK(stream);
        Reader reader{*stream};
        synth.emit(10);
        synth.remove();
        expect_both_stay();
        EXPECT_TRUE(reader.to_the_end());
        EXPECT_EQ(reader.received(), 10U);
        expect_both_stay();
    }
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
}

TEST(ModuleRemovalOf, MappedMemoryIsRefused) {
    Synth synth{"size=64"};
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* ring = MAP_FAILED;
    {
        const RawChannel channel{synth.info().id, STATCHAN_T_MMAP};
        ring = ::mmap(nullptr, page, PROT_READ, MAP_SHARED, channel.device.get(),
                      static_cast<off_t>(STATCHAN_MMAP_RING + page));
    }
    ASSERT_NE(ring, MAP_FAILED) << std::strerror(errno);
    expect_both_stay();
    synth.emit(10);
    EXPECT_EQ(static_cast<const statchan_ring_producer*>(ring)->head, 10U * (48 + 64));
    ::munmap(ring, page);
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
}

TEST(ModuleRemovalOf, SnapshotsThatAreMappedOrLiveIsRefused) {
    Synth synth;
    auto client = open_client("mmap");
    auto snapshot = client.snapshot(synth.name());
    ASSERT_OK(snapshot);
    expect_both_stay();
    auto live = client.live(synth.name(), 1ms);
    ASSERT_OK(live);
    expect_both_stay();
    expect_synth_counters(*snapshot);
    const auto first = live->copy();
    ASSERT_OK(first);
    EXPECT_TRUE(eventually([&] { return live->copy()->generation() > first->generation(); }));
}

// All modules go but the one that sends; that one goes after the last piece. Then all come back.
TEST(ModuleRemovalOf, DumpInProgressLetsTheSourceGoFirst) {
    constexpr std::uint32_t piece = 16384;
    std::uint64_t left = 0;
    std::optional<Dump> dump;
    {
        auto client = open_client("netlink");
        const auto source =
            client.add_source("big", "synth", "run=0 queues=0 " + synth_counters(1U << 17));
        ASSERT_OK(source);
        dump.emplace(source->id, piece);
        left = sizeof(statchan_snapshot) + 8 * source->n_counters;
    }
    const auto take = [&] {
        const auto bytes = dump->next();
        EXPECT_GE(bytes, 0) << "the dump failed";
        if (bytes > 0) left -= static_cast<std::uint64_t>(bytes);
        return bytes > 0;
    };
    EXPECT_TRUE(take());
    EXPECT_EQ(remove_module("statchan_synth"), 0) << "the dump has what it needs";
    EXPECT_EQ(remove_module("statchan_netdev"), 0);
    EXPECT_TRUE(take());
    EXPECT_EQ(remove_module("statchan"), EWOULDBLOCK) << "its code sends the rest";
    EXPECT_GT(left, 0U);
    while (take()) {
    }
    EXPECT_EQ(left, 0U);
    EXPECT_EQ(remove_module("statchan"), 0) << "the socket alone is no hindrance";
    for (const auto* name : {"statchan", "statchan_synth", "statchan_netdev"})
        EXPECT_EQ(load_module(name), 0) << name;
}

// An open descriptor keeps the code that it calls, a source does not.
TEST(ModuleRemovalOf, DeviceThatIsOpenIsRefused) {
    {
        const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
        ASSERT_GE(device.get(), 0);
        EXPECT_EQ(remove_module("statchan_netdev"), 0);
        EXPECT_EQ(remove_module("statchan_synth"), 0);
        EXPECT_EQ(remove_module("statchan"), EWOULDBLOCK);
        statchan_version version{};
        version.size = sizeof version;
        EXPECT_EQ(::ioctl(device.get(), STATCHAN_IOC_VERSION, &version), 0);
    }
    for (const auto* name : {"statchan_synth", "statchan_netdev"})
        EXPECT_EQ(load_module(name), 0) << name;
}

namespace {

/// Opens something of a source, of which one descriptor remains when all else is gone, the source
/// and its module too: that keeps the core, whose code it may call, and nothing else does.
template <class Open>
void expect_keeps_the_core(Open open) {
    Descriptor kept;
    {
        Synth synth{"size=64"};
        kept = open(synth);
    }
    ASSERT_GE(kept.get(), 0) << std::strerror(errno);
    EXPECT_TRUE(eventually([] { return remove_module("statchan_synth") == 0; }));
    EXPECT_EQ(remove_module("statchan_netdev"), 0);
    EXPECT_EQ(remove_module("statchan"), EWOULDBLOCK);
    kept.reset();
    EXPECT_TRUE(eventually([] { return remove_module("statchan") == 0; }));
    for (const auto* name : {"statchan", "statchan_synth", "statchan_netdev"})
        ASSERT_EQ(load_module(name), 0) << name;
}

}  // namespace

TEST(ModuleRemovalOf, TextThatIsOpenIsRefused) {
    expect_keeps_the_core([](const Synth& synth) {
        Descriptor text{::open(("/proc/net/" STATCHAN_PROC_DIR "/" + synth.name()).c_str(),
                               O_RDONLY | O_CLOEXEC)};
        char byte = 0;
        EXPECT_EQ(::read(text.get(), &byte, 1), 1);
        return text;
    });
}

TEST(ModuleRemovalOf, RelayFileThatIsOpenIsRefused) {
    expect_keeps_the_core([](const Synth& synth) {
        const RawChannel channel{synth.info().id, STATCHAN_T_RELAY};
        return Descriptor{
            ::open((std::string{channel.answer.path} + "/cpu0").c_str(), O_RDONLY | O_CLOEXEC)};
    });
}

TEST(ModuleRemovalOf, ProgramThatIsAttachedIsRefused) {
    skip_if_unusable("bpf");
    expect_keeps_the_core([](const Synth& synth) {
        auto client = open_client("bpf");
        const auto stream = client.subscribe(synth.name());
        EXPECT_OK(stream);
        const auto links = descriptors_of("anon_inode:bpf_link");
        EXPECT_EQ(links.size(), 1U);
        return Descriptor{links.empty() ? -1 : ::fcntl(links.front(), F_DUPFD_CLOEXEC, 0)};
    });
}

/// Nothing of a netlink client holds the modules. They may go, and come back as others: the family
/// has another number then, and numbers of sources begin anew.
class ModuleReload : public testing::TestWithParam<std::string> {
  protected:
    ~ModuleReload() override {
        for (const auto* name : modules)
            if (module_users(name) < 0) {
                EXPECT_EQ(load_module(name), 0) << name;
            }
    }
    static void unload() {
        for (const auto* name : {"statchan_synth", "statchan_netdev", "statchan"})
            ASSERT_TRUE(eventually([&] { return remove_module(name) == 0; })) << name;
    }
    static void load() {
        for (const auto* name : modules) ASSERT_EQ(load_module(name), 0) << name;
    }
    static void reload() {
        unload();
        load();
    }
    static void expect_not_loaded(const statchan::Error& error) {
        EXPECT_EQ(error.code, statchan::errc::module_not_loaded) << error.message();
        EXPECT_NE(error.way_out, "") << error.message();
    }
    /// Makes the sources, of different sizes, in this order, by a client that does not stay.
    static void make(std::initializer_list<std::string> names) {
        auto passing = open_client("ioctl");
        for (const auto& name : names)
            ASSERT_OK(passing.add_source(
                name, "synth",
                "run=0 queues=0 size=64 " + synth_counters(name == "small" ? 64 : 256)));
    }
    static std::uint32_t number_of(const std::string& name) {
        const auto info = open_client("ioctl").source(name);
        EXPECT_OK(info);
        return info ? info->id : 0;
    }
    static void expect_snapshot(statchan::Client& kept, const std::string& name) {
        SCOPED_TRACE(name);
        const auto snapshot = kept.snapshot(name);
        ASSERT_OK(snapshot);
        EXPECT_EQ(snapshot->counters().size(), name == "small" ? 64U : 256U);
        EXPECT_EQ(snapshot->info().source, number_of(name));
        expect_synth_counters(*snapshot);
    }
    static void expect_stream(statchan::Client& kept, const std::string& name) {
        SCOPED_TRACE(name);
        auto stream = kept.subscribe(name);
        ASSERT_OK(stream);
        Reader reader{*stream};
        ASSERT_OK(kept.set_source(name, "emit=10"));
        EXPECT_TRUE(reader.records(10));
        EXPECT_EQ(stream->source(), name);
        expect_books_close(*stream);
    }

    static constexpr std::array modules{"statchan", "statchan_synth", "statchan_netdev"};
};
INSTANTIATE_TEST_SUITE_P(, ModuleReload, testing::Values("netlink", "netlink-nl"), parameter_name);

TEST_P(ModuleReload, ClientSaysThatTheyAreGoneAndFindsThemAgain) {
    auto kept = open_client(GetParam());
    make({"small"});
    expect_snapshot(kept, "small");
    ASSERT_NO_FATAL_FAILURE(unload());
    // By the number that it remembers, by name, a list, and what would change something.
    for (int round = 0; round < 2; ++round) {
        const auto snapshot = kept.snapshot("small");
        ASSERT_FALSE(snapshot.has_value());
        expect_not_loaded(snapshot.error());
        EXPECT_NE(snapshot.error().doing.find("'small'"), std::string::npos)
            << snapshot.error().message();
        const auto stream = kept.subscribe("small");
        ASSERT_FALSE(stream.has_value());
        expect_not_loaded(stream.error());
        const auto source = kept.source("small");
        ASSERT_FALSE(source.has_value());
        expect_not_loaded(source.error());
        const auto sources = kept.sources();
        ASSERT_FALSE(sources.has_value());
        expect_not_loaded(sources.error());
        const auto added = kept.add_source("small", "synth");
        ASSERT_FALSE(added.has_value());
        expect_not_loaded(added.error());
        const auto events = kept.events();
        ASSERT_FALSE(events.has_value());
        expect_not_loaded(events.error());
    }
    ASSERT_NO_FATAL_FAILURE(load());
    EXPECT_FAILS(kept.snapshot("small"), statchan::errc::no_such_source);
    ASSERT_OK(kept.add_source("small", "synth", "run=0 queues=0 size=64 " + synth_counters(64)));
    expect_snapshot(kept, "small");
    expect_stream(kept, "small");
    EXPECT_OK(kept.remove_source("small"));
}

// A number that the client remembers is another source's by now, and would be answered.
TEST_P(ModuleReload, NumbersOfTheOldModuleAreNotBelieved) {
    ASSERT_NO_FATAL_FAILURE(reload());
    auto kept = open_client(GetParam());
    auto other = open_client(GetParam());
    make({"small", "large"});
    const auto small_before = number_of("small");
    for (auto* client : {&kept, &other})
        for (const auto* name : {"small", "large"}) expect_snapshot(*client, name);

    ASSERT_NO_FATAL_FAILURE(reload());
    make({"large", "small"});
    ASSERT_EQ(number_of("large"), small_before) << "else this test tests nothing";
    expect_snapshot(kept, "small");
    expect_snapshot(kept, "large");
    // One that asks for something else first, and so finds the module before it asks by a number.
    ASSERT_OK(other.sources());
    expect_stream(other, "small");
    expect_snapshot(other, "large");

    // Now they have the same numbers again: nobody need notice anything.
    ASSERT_NO_FATAL_FAILURE(reload());
    make({"large", "small"});
    expect_snapshot(kept, "small");
    expect_stream(other, "small");
    for (const auto* name : {"small", "large"}) EXPECT_OK(kept.remove_source(name));
}

// Who listens is put out of the group without a word, and must not wait for ever.
TEST_P(ModuleReload, EventsEnd) {
    auto events = open_client(GetParam()).events();
    ASSERT_OK(events);
    ASSERT_NO_FATAL_FAILURE(unload());
    std::optional<statchan::Error> end;
    for (const auto deadline = Clock::now() + patience; !end && Clock::now() < deadline;)
        if (const auto event = events->next(100ms); !event) end = event.error();
    ASSERT_TRUE(end) << "deaf, and does not say so";
    expect_not_loaded(*end);
    ASSERT_NO_FATAL_FAILURE(load());
    EXPECT_FAILS(events->next(0ns), statchan::errc::module_not_loaded);
    auto anew = open_client(GetParam()).events();
    ASSERT_OK(anew);
    const Synth synth;
    const auto event = anew->next(patience);
    ASSERT_OK(event);
    ASSERT_TRUE(event->has_value());
    EXPECT_EQ((*event)->type, statchan::EventType::source_added);
    EXPECT_EQ((*event)->source_name, synth.name());
}
