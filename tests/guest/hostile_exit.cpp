// SPDX-License-Identifier: MIT
//
// Things that go while others use them: the network namespace, the modules.
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/kernel.hpp"
#include "support/mappable.hpp"
#include "support/meanwhile.hpp"
#include "support/module.hpp"
#include "support/netns.hpp"
#include "support/process.hpp"
#include "support/raw_netlink.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

using Bytes = std::vector<std::byte>;

class HostileNamespaceExit : public testing::TestWithParam<std::string> {};
OVER_TRANSPORTS_WITH(HostileNamespaceExit, statchan::Capability::samples);

// Its name is gone while a stream, a dump and a mapping of it are open. They hold it; with the last
// of them it goes, with its sources.
TEST_P(HostileNamespaceExit, UnderAllThatIsOpen) {
    Namespace space{"doomed"};
    {
        std::optional<statchan::Stream> stream;
        std::optional<RawNetlink> dump;
        std::uint32_t source = 0;
        {
            const Inside there{space};
            auto client = open_client(GetParam());
            const auto added = client.add_source(
                "sw0", "synth", "size=64 queues=0 cpus=2 run=0 pps=2000 " + synth_counters(4096));
            ASSERT_OK(added);
            source = added->id;
            ASSERT_OK(client.add_source("lo", "netdev"));
            auto made = client.subscribe("sw0", {.timeout = 1ms});
            ASSERT_OK(made);
            stream.emplace(std::move(*made));
            ASSERT_OK(client.set_source("sw0", "run=1"));
            dump.emplace().ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP, [&](nlmsghdr* head) {
                mnl_attr_put_u32(head, STATCHAN_A_SOURCE, source);
                mnl_attr_put_u64(head, STATCHAN_A_LENGTH, 2048);
            });
        }
        space.remove();
        Reader reader{*stream};
        EXPECT_TRUE(reader.records(100)) << "it is still there, for who has it";
        EXPECT_EQ(dump->finish().error, 0);
    }
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
    EXPECT_TRUE(eventually([] { return kernel_areas().empty(); })) << "its sources";
}

// So with what is mapped of it, and a text that was begun.
TEST(HostileNamespaceExitOf, WhatIsMappedOrRead) {
    for (const auto& what : mappables()) {
        SCOPED_TRACE(what);
        Namespace space{"doomed"};
        std::optional<Mappable> target;
        Descriptor text{-1};
        std::byte* at = nullptr;
        char byte = 0;
        {
            const Inside there{space};
            auto client = open_client("ioctl");
            const auto added =
                client.add_source("sw0", "synth", "size=64 run=0 " + synth_counters(4096));
            ASSERT_OK(added);
            target.emplace(what, added->id);
            at = target->map();
            text = Descriptor{::open("/proc/thread-self/net/statchan/sw0", O_RDONLY | O_CLOEXEC)};
            ASSERT_EQ(::read(text.get(), &byte, 1), 1);
        }
        space.remove();
        const auto len = target->has_pages() ? target->len() : 0;
        const Bytes seen(at, at + len);
        std::vector<char> rest(1U << 16);
        ssize_t got = 0;
        while ((got = ::read(text.get(), rest.data(), rest.size())) > 0) {
        }
        EXPECT_TRUE(got == 0 || errno == EIO) << std::strerror(errno);
        target->close();
        EXPECT_EQ(Bytes(at, at + len), seen) << "it is not what it was";
        ::munmap(at, target->len());
        text = Descriptor{-1};
        EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
        EXPECT_TRUE(eventually([] { return kernel_areas().empty(); })) << "its sources";
    }
}

// A process takes its namespaces along, however it ends, in the middle of everything.
TEST_P(HostileNamespaceExit, WithAKilledProcess) {
    for (int i = 0; i < 3; ++i) {
        int ready[2];
        ASSERT_EQ(::pipe(ready), 0);
        const auto child = ::fork();
        if (child == 0) {
            // these two are not for root of a user namespace
            const bool of_the_machine = GetParam() == "relay" || GetParam() == "bpf";
            if (::unshare(CLONE_NEWNET | (of_the_machine ? 0 : CLONE_NEWUSER)) != 0) std::_Exit(1);
            auto client = open_client("ioctl");
            (void)client.add_source("sw0", "synth",
                                    "size=64 queues=0 cpus=2 pps=5000 context=hardirq ports=4");
            auto other = open_client(GetParam());
            auto stream = other.subscribe("sw0", {.timeout = 1ms, .buffer_size = 65536});
            if (!stream) std::_Exit(1);
            char byte = 0;
            (void)!::write(ready[1], &byte, 1);
            for (;;) {
                (void)stream->next(1ms);
                (void)client.snapshot("sw0");
            }
        }
        ::close(ready[1]);
        char byte = 0;
        EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "no stream";
        ::close(ready[0]);
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
    EXPECT_TRUE(eventually([] { return kernel_areas().empty(); })) << "its sources";
}

namespace {

// Takes modules away from who uses them. That works where nobody does, for a moment: so it is tried
// without a pause. On a busy host that moment may always be one without us: after a while, who uses
// the module waits.
class Removal {
  public:
    bool of(const char* module) {
        const auto begin = Clock::now();
        const auto deadline = begin + 3 * patience;
        rounds_ = 0;
        luck_ends_ = begin + 2s;
        trying_ = true;
        bool gone = false;
        while (!gone && Clock::now() < deadline) gone = remove_module(module) == 0;
        trying_ = false;
        return gone;
    }
    /// Before each round, with nothing of the module in use.
    void round() {
        ++rounds_;
        while (trying_ && (rounds_ > left_to_luck || Clock::now() > luck_ends_.load()))
            std::this_thread::sleep_for(1ms);
    }

  private:
    static constexpr unsigned left_to_luck = 5;
    std::atomic<bool> trying_{false};
    std::atomic<unsigned> rounds_{0};
    std::atomic<Clock::time_point> luck_ends_{};
};

// Of a module, in a test. More of them meet more moments; each waits until the module is idle.
int removals_in_a_test() {
    const char* given = std::getenv("STATCHAN_REMOVALS");
    return given == nullptr ? 2 : std::stoi(given);
}

}  // namespace

class HostileRemoval : public testing::TestWithParam<std::string> {};
OVER_ALL_TRANSPORTS(HostileRemoval);

// At whatever moment it comes it works or is refused at once; and who uses the source meets it, or
// an error.
TEST_P(HostileRemoval, AtEveryMoment) {
    std::atomic<unsigned> worked{0};  // rounds in which it was there
    Removal removal;
    {
        const Meanwhile user{[&] {
            removal.round();
            auto client = open_client(GetParam());
            if (!client.add_source("sw0", "synth", "ports=8 queues=0 run=0 size=64")) return;
            bool all = true;
            if (client.capabilities().has(statchan::Capability::snapshot))
                all &= client.snapshot("sw0").has_value();
            if (client.capabilities().has(statchan::Capability::samples)) {
                auto stream = client.subscribe("sw0", {.timeout = 1ms, .buffer_size = 8192});
                all &= client.set_source("sw0", "emit=20").has_value();
                all &= stream && stream->next(1s).has_value();
            }
            worked += all && client.remove_source("sw0");
        }};
        for (int left = removals_in_a_test(); left > 0; --left) {
            EXPECT_TRUE(
                eventually([&, before = worked.load()] { return worked > before; }, 3 * patience));
            EXPECT_TRUE(removal.of("statchan_synth"));
            EXPECT_EQ(load_module("statchan_synth"), 0);
        }
    }
    (void)open_client("ioctl").remove_source("sw0");
}

// Of the one whose hook the network stack runs, while packets pass it and somebody samples them.
class HostileRemovalUnderPackets : public testing::TestWithParam<std::string> {};
OVER_TRANSPORTS_WITH(HostileRemovalUnderPackets, statchan::Capability::samples);

TEST_P(HostileRemovalUnderPackets, AtEveryMoment) {
    const Veth veth;
    std::atomic<unsigned> worked{0};
    Removal removal;
    {
        const Meanwhile sender{[&] { exchange(veth, 20, 100); }};
        const Meanwhile user{[&] {
            removal.round();
            const Inside there{veth.left};
            auto client = open_client(GetParam());
            if (!client.add_source("veth0", "netdev")) return;
            bool sampled = false;
            if (auto stream = client.subscribe("veth0", {.timeout = 1ms, .buffer_size = 8192}))
                sampled = stream->next(1s).has_value();
            worked += client.remove_source("veth0") && sampled;
        }};
        for (int left = removals_in_a_test(); left > 0; --left) {
            EXPECT_TRUE(
                eventually([&, before = worked.load()] { return worked > before; }, 3 * patience));
            EXPECT_TRUE(removal.of("statchan_netdev"));
            EXPECT_EQ(load_module("statchan_netdev"), 0);
        }
    }
}

// The core itself, while its device is opened, its family asked and its files looked at.
TEST(HostileRemovalOf, TheCore) {
    for (const auto* name : {"statchan_synth", "statchan_netdev"})
        ASSERT_EQ(remove_module(name), 0);
    std::atomic<unsigned> opened{0};
    Removal removal;
    {
        const Meanwhile user{[&] {
            removal.round();
            const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
            statchan_version version{};
            version.size = sizeof version;
            opened += ::ioctl(device.get(), STATCHAN_IOC_VERSION, &version) == 0;
        }};
        const Meanwhile asker{[&] {
            removal.round();
            RawNetlink socket;
            if (socket.family() == 0) return;
            socket.ask(STATCHAN_CMD_TRANSPORT_GET, NLM_F_DUMP);
            // EAGAIN: it is still loading
            const int err = socket.finish().error;
            EXPECT_TRUE(err == 0 || err == EAGAIN || err == ENOENT || err == EPROTONOSUPPORT)
                << err;
        }};
        const Meanwhile looker{[&] {
            removal.round();
            std::error_code gone;
            for (const auto* folder :
                 {"/proc/thread-self/net/" STATCHAN_PROC_DIR, "/sys/kernel/debug/statchan"})
                for (std::filesystem::directory_iterator at{folder, gone}, end; !gone && at != end;
                     at.increment(gone))
                    (void)slurp(at->path().string());
        }};
        for (int left = removals_in_a_test(); left > 0; --left) {
            EXPECT_TRUE(eventually([&, before = opened.load()] { return opened > before; }));
            EXPECT_TRUE(removal.of("statchan"));
            EXPECT_EQ(load_module("statchan"), 0);
        }
    }
    for (const auto* name : {"statchan_synth", "statchan_netdev"})
        EXPECT_EQ(load_module(name), 0) << name;
}

// What is mapped keeps them, until it is let go.
TEST(HostileRemovalOf, WhatIsMapped) {
    for (const auto& what : mappables()) {
        SCOPED_TRACE(what);
        std::optional<Synth> synth{std::in_place, "size=64 " + synth_counters(2048)};
        Mappable target{what, synth->info().id};
        auto* const at = target.map();
        target.close();
        synth.reset();
        EXPECT_EQ(remove_module("statchan_synth"), target.holds_channel() ? EWOULDBLOCK : 0);
        EXPECT_EQ(remove_module("statchan_netdev"), 0);
        EXPECT_EQ(remove_module("statchan"), EWOULDBLOCK);
        ::munmap(at, target.len());
        if (target.holds_channel()) {
            EXPECT_TRUE(eventually([] { return remove_module("statchan_synth") == 0; }));
        }
        EXPECT_TRUE(eventually([] { return remove_module("statchan") == 0; }));
        for (const auto* name : {"statchan", "statchan_synth", "statchan_netdev"})
            ASSERT_EQ(load_module(name), 0) << name;
    }
}
