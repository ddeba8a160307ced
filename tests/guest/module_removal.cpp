// SPDX-License-Identifier: MIT
//
// Guarantee 8, seen from the modules: removal of one that is in use is refused at once, and
// everything goes on; what has no use of it is no hindrance.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/device.hpp"
#include "support/kernel.hpp"
#include "support/module.hpp"
#include "support/raw_netlink.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

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
