// SPDX-License-Identifier: MIT
//
// Guarantee 8, seen from the modules: removal of one that is in use is refused at once, and
// everything goes on; what has no use of it is no hindrance.
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <vector>

#include "support/device.hpp"
#include "support/kernel.hpp"
#include "support/module.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

void expect_both_stay() {
    EXPECT_EQ(remove_module("statchan_synth"), EWOULDBLOCK);
    EXPECT_EQ(remove_module("statchan"), EWOULDBLOCK);
}

void each_attribute(const nlmsghdr* head, std::function<void(const nlattr*)> take) {
    const auto call = [](const nlattr* attribute, void* take) {
        (*static_cast<std::function<void(const nlattr*)>*>(take))(attribute);
        return MNL_CB_OK;
    };
    mnl_attr_parse(head, sizeof(genlmsghdr), call, &take);
}

/// A dump of a snapshot that is read piece by piece.
class Dump {
  public:
    Dump(std::uint32_t source, std::uint32_t piece)
        : socket_{mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC), mnl_socket_close} {
        EXPECT_EQ(mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID), 0);
        const timeval limit{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(mnl_socket_get_fd(socket_.get()), SOL_SOCKET, SO_RCVTIMEO, &limit,
                     sizeof limit);
        ask(GENL_ID_CTRL, NLM_F_REQUEST, CTRL_CMD_GETFAMILY, [](nlmsghdr* head) {
            mnl_attr_put_strz(head, CTRL_ATTR_FAMILY_NAME, STATCHAN_GENL_NAME);
        });
        const auto* answer = receive();
        EXPECT_TRUE(answer != nullptr);
        std::uint16_t family = 0;
        if (answer != nullptr)
            each_attribute(answer, [&](const nlattr* attribute) {
                if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID)
                    family = mnl_attr_get_u16(attribute);
            });
        ask(family, NLM_F_REQUEST | NLM_F_DUMP, STATCHAN_CMD_SNAPSHOT_GET, [&](nlmsghdr* head) {
            mnl_attr_put_u32(head, STATCHAN_A_SOURCE, source);
            mnl_attr_put_u64(head, STATCHAN_A_LENGTH, piece);
        });
    }

    /// Takes a piece: how many bytes of the snapshot came; 0 at the end, -1 if the dump failed.
    std::int64_t next() {
        if (done_) return 0;
        const auto* head = receive();
        if (head == nullptr) return -1;
        std::int64_t bytes = 0;
        for (int left = got_; mnl_nlmsg_ok(head, left); head = mnl_nlmsg_next(head, &left)) {
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
    template <class Fill>
    void ask(std::uint16_t type, int flags, std::uint8_t command, const Fill& fill) {
        auto* head = mnl_nlmsg_put_header(buffer_.data());
        head->nlmsg_type = type;
        head->nlmsg_flags = static_cast<std::uint16_t>(flags);
        auto* generic =
            static_cast<genlmsghdr*>(mnl_nlmsg_put_extra_header(head, sizeof(genlmsghdr)));
        generic->cmd = command;
        generic->version = STATCHAN_GENL_VERSION;
        fill(head);
        EXPECT_GT(mnl_socket_sendto(socket_.get(), head, head->nlmsg_len), 0);
    }
    const nlmsghdr* receive() {
        got_ = static_cast<int>(mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size()));
        return got_ > 0 ? reinterpret_cast<const nlmsghdr*>(buffer_.data()) : nullptr;
    }

    std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket_;
    std::vector<char> buffer_ = std::vector<char>(1U << 17);
    int got_ = 0;
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
