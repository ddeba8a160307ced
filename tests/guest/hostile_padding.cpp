// SPDX-License-Identifier: MIT
//
// No byte leaves the kernel that was not written. Its memory is filled with a pattern and given
// back, then all that a program can get is searched for the pattern, and for what the kernel itself
// fills free memory with (slub_debug=P page_poison=1, when the guest was booted so: scripts/test
// does), and for what modules that are built so begin their variables with (scripts/test does). And
// buffers that the kernel fills are filled by it, to the last byte, and not behind.
#include <fcntl.h>
#include <gtest/gtest-spi.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "support/device.hpp"
#include "support/mappable.hpp"
#include "support/positions.hpp"
#include "support/process.hpp"
#include "support/raw_netlink.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

using Bytes = std::vector<std::byte>;

constexpr std::byte pattern{0xa5};
// Ours, of free objects, of free pages, of variables on the stack.
constexpr std::byte poisons[] = {pattern, std::byte{0x6b}, std::byte{0xaa}, std::byte{0xfe}};

// Objects of most caches, and pages, that hold the pattern, and are free.
void dirty_the_kernel() {
    const std::string text(1U << 20, static_cast<char>(pattern));
    const int queue = ::msgget(IPC_PRIVATE, 0600);
    for (const std::size_t size : {16, 80, 144, 208, 464, 976, 2000, 4000}) {
        std::vector<char> message(sizeof(long) + size, static_cast<char>(pattern));
        const long type = 1;
        std::memcpy(message.data(), &type, sizeof type);
        for (int i = 0; i < 64; ++i) (void)::msgsnd(queue, message.data(), size, IPC_NOWAIT);
    }
    ::msgctl(queue, IPC_RMID, nullptr);
    int ends[2];
    for (const std::size_t size : {64, 200, 500, 1000, 3000, 8000, 30000}) {
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        for (int i = 0; i < 64; ++i) (void)::send(ends[0], text.data(), size, 0);
        ::close(ends[0]);
        ::close(ends[1]);
    }
    const Descriptor pages{::memfd_create("dirty", MFD_CLOEXEC)};
    for (int i = 0; i < 24; ++i) (void)!::write(pages.get(), text.data(), text.size());
}

void expect_clean(const Bytes& bytes, const char* what) {
    for (const auto poison : poisons) {
        const Bytes run(4, poison);
        const auto at = std::search(bytes.begin(), bytes.end(), run.begin(), run.end());
        EXPECT_EQ(at, bytes.end()) << what << ": byte " << at - bytes.begin() << " of "
                                   << bytes.size() << " is " << std::to_integer<int>(poison);
    }
}

// All pages of a ring, but the first, were used: else nothing was searched.
void expect_written(const Bytes& bytes, const char* what) {
    const Bytes unused(page_size());
    for (auto at = page_size(); at + page_size() <= bytes.size(); at += page_size())
        EXPECT_NE(std::memcmp(bytes.data() + at, unused.data(), page_size()), 0)
            << what << ": nothing is in the page at " << at;
}

template <class T>
Bytes bytes_of(const T& object) {
    const auto* const at = reinterpret_cast<const std::byte*>(&object);
    return {at, at + sizeof object};
}

template <class T>
T sized() {
    T object{};
    object.size = sizeof object;
    return object;
}

/// Calls with buffers that hold different bytes: all of the length that is told was written by the
/// kernel, and nothing behind it. @p fill returns that length.
Bytes filled(std::size_t room, const std::function<std::size_t(Bytes&)>& fill) {
    constexpr std::byte before[] = {std::byte{0x11}, std::byte{0x22}, std::byte{0x44},
                                    std::byte{0x88}};
    std::vector<bool> untouched(room, true);  // by all so far; by chance some are, by one
    std::size_t len = 0;
    Bytes bytes;
    for (const auto filler : before) {
        bytes.assign(room, filler);
        const auto got = fill(bytes);
        EXPECT_TRUE(len == 0 || got == len) << got << " and " << len;
        len = got;
        for (std::size_t i = 0; i < room; ++i) untouched[i] = untouched[i] && bytes[i] == filler;
    }
    EXPECT_GT(len, 0U);
    EXPECT_LE(len, room);
    for (std::size_t i = 0; i < room; ++i)
        EXPECT_EQ(untouched[i], i >= len) << "byte " << i << " of " << len;
    bytes.resize(len);
    return bytes;
}

/// What a test of one transport works with.
struct Scene {
    Synth synth{"size=57 " + synth_counters(600)};  // 7 bytes of padding
    const std::uint32_t id = synth.info().id;
    const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};

    template <class T>
    void call(unsigned long request, T& argument) const {
        EXPECT_EQ(::ioctl(device.get(), request, &argument), 0) << std::strerror(errno);
    }
    /// The call, and its structure afterwards.
    template <class T>
    void check(unsigned long request, T argument, const char* what) const {
        argument.size = sizeof argument;
        call(request, argument);
        expect_clean(bytes_of(argument), what);
    }
};

// ---- what each transport gives ----

void of_ioctl(Scene& scene) {
    const auto& device = scene.device;
    scene.check(STATCHAN_IOC_VERSION, statchan_version{}, "version");
    statchan_source_info info{};
    info.id = scene.id;
    scene.check(STATCHAN_IOC_SOURCE_INFO, info, "source info");
    scene.check(STATCHAN_IOC_SOURCE_NEXT, statchan_source_next{}, "source next");
    info.id = ~0U;
    info.size = sizeof info;
    EXPECT_EQ(::ioctl(device.get(), STATCHAN_IOC_SOURCE_INFO, &info), -1);
    scene.check(STATCHAN_IOC_ERROR, statchan_error{}, "sentence");
    const auto take = [&](auto request, auto code, auto unit, const char* what) {
        expect_clean(filled(1U << 16,
                            [&](Bytes& room) {
                                auto req = request;
                                req.size = sizeof req;
                                req.buf = reinterpret_cast<std::uintptr_t>(room.data());
                                return unit(req, code, room.size());
                            }),
                     what);
    };
    take(
        statchan_transports{}, STATCHAN_IOC_TRANSPORTS,
        [&](auto& req, auto code, std::size_t room) {
            req.count = static_cast<__u32>(room / sizeof(statchan_transport_info));
            scene.call(code, req);
            return req.count * sizeof(statchan_transport_info);
        },
        "transports");
    const auto by_len = [&](auto& req, auto code, std::size_t room) {
        req.source = scene.id;
        req.len = room;
        scene.call(code, req);
        return static_cast<std::size_t>(req.len);
    };
    take(statchan_schema_req{}, STATCHAN_IOC_SCHEMA, by_len, "schema");
    take(
        [] {
            statchan_snapshot_req req{};
            req.max_age_ns = 1ULL << 60;  // the same for both
            return req;
        }(),
        STATCHAN_IOC_SNAPSHOT, by_len, "snapshot");
    const RawChannel channel{scene.id, STATCHAN_T_IOCTL};
    expect_clean(bytes_of(channel.answer), "answer to the open");
    scene.check(STATCHAN_IOC_CHANNEL_NEXT, statchan_channel_info{}, "channel info");
    take(
        statchan_ledger_req{}, STATCHAN_IOC_LEDGER,
        [&](auto& req, auto code, std::size_t room) {
            req.channel = channel.answer.id;
            req.count = static_cast<__u32>(room / sizeof(statchan_ledger));
            scene.call(code, req);
            return req.count * sizeof(statchan_ledger);
        },
        "ledger");
    take(
        statchan_read{}, STATCHAN_IOC_READ,
        [&](auto& req, auto code, std::size_t room) {
            scene.synth.emit(100);
            req.len = room;
            EXPECT_EQ(::ioctl(channel.device.get(), code, &req), 0);
            return static_cast<std::size_t>(req.len);
        },
        "records");
    statchan_calibrate step{};
    step.step = STATCHAN_CAL_COPY;
    step.iterations = 1;
    step.bytes = 100'000;
    Bytes copied(step.bytes);
    step.buf = reinterpret_cast<std::uintptr_t>(copied.data());
    scene.check(STATCHAN_IOC_CALIBRATE, step, "calibrate");
    expect_clean(copied, "what calibrating copies");
}

void of_read(Scene& scene) {
    const RawChannel channel{scene.id, STATCHAN_T_READ};
    expect_clean(filled(1U << 16,
                        [&](Bytes& room) {
                            scene.synth.emit(100);
                            const auto got = ::read(channel.device.get(), room.data(), room.size());
                            return static_cast<std::size_t>(std::max<ssize_t>(got, 0));
                        }),
                 "records");
    auto req = sized<statchan_channel_req>();
    req.source = scene.id;
    req.transport = STATCHAN_T_READ;
    req.kind = STATCHAN_CHANNEL_SNAPSHOT;
    scene.call(STATCHAN_IOC_CHANNEL_OPEN, req);
    auto chosen = sized<statchan_snapshot_req>();
    scene.call(STATCHAN_IOC_SNAPSHOT_MAP, chosen);
    expect_clean(bytes_of(chosen), "answer");
    expect_clean(filled(1U << 16,
                        [&](Bytes& room) {
                            const auto got =
                                ::pread(scene.device.get(), room.data(), room.size(), 0);
                            return static_cast<std::size_t>(std::max<ssize_t>(got, 0));
                        }),
                 "snapshot");
}

void of_procfs(Scene& scene) {
    for (const auto* which : {"", "~legacy"}) {
        const auto path = "/proc/net/statchan/" + scene.synth.name() + which;
        expect_clean(filled(1U << 17,
                            [&](Bytes& room) {
                                const Descriptor file{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
                                const Descriptor old{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
                                const int fd = file.get() < 0 ? old.get() : file.get();
                                (void)!::write(fd, "max_age 1000000000000000", 24);
                                std::size_t len = 0;
                                for (ssize_t got = 0;
                                     (got = ::read(fd, room.data() + len, room.size() - len)) > 0;)
                                    len += static_cast<std::size_t>(got);
                                return len;
                            }),
                     path.c_str());
    }
}

void of_netlink(Scene& scene) {
    RawNetlink socket;
    const auto clean = [&](const char* what) {
        const auto& got = socket.received();
        const auto* const at = reinterpret_cast<const std::byte*>(got.data());
        expect_clean({at, at + got.size()}, what);
    };
    const auto by_source = [&](nlmsghdr* head) {
        mnl_attr_put_u32(head, STATCHAN_A_SOURCE, scene.id);
    };
    std::uint32_t channel = 0;
    const auto by_channel = [&](nlmsghdr* head) {
        mnl_attr_put_u32(head, STATCHAN_A_CHANNEL, channel);
    };
    const auto open = [&](nlmsghdr* head) {
        by_source(head);
        auto* nest = mnl_attr_nest_start(head, STATCHAN_A_CONFIG);
        mnl_attr_put_u32(head, STATCHAN_C_SNAPLEN, 57);
        mnl_attr_nest_end(head, nest);
    };
    EXPECT_EQ(socket.ask(STATCHAN_CMD_CHANNEL_OPEN, 0, open), 0);
    EXPECT_GT(socket.receive(), 0);
    clean("answer to the open");
    channel = socket.received_u32(STATCHAN_A_CHANNEL);
    EXPECT_NE(channel, 0U);
    const RawNetlink::Fill by_nothing = [](nlmsghdr*) {};
    const std::pair<std::uint8_t, RawNetlink::Fill> dumps[] = {
        {STATCHAN_CMD_TRANSPORT_GET, by_nothing}, {STATCHAN_CMD_SOURCE_GET, by_nothing},
        {STATCHAN_CMD_CHANNEL_GET, by_nothing},   {STATCHAN_CMD_SCHEMA_GET, by_source},
        {STATCHAN_CMD_SNAPSHOT_GET, by_source},   {STATCHAN_CMD_LEDGER_GET, by_channel},
    };
    for (const auto& [command, by] : dumps) {
        EXPECT_EQ(socket.ask(command, NLM_F_DUMP, by), 0);
        std::size_t of_the_family = 0;
        while (socket.receive(1U << 17, MSG_DONTWAIT) > 0) {
            clean("a dump");
            const auto* const head = reinterpret_cast<const nlmsghdr*>(socket.received().data());
            if (head->nlmsg_type == socket.family()) ++of_the_family;
        }
        EXPECT_GT(of_the_family, 0U) << "command " << int{command};
    }
    EXPECT_EQ(socket.ask(STATCHAN_CMD_VERSION_GET, NLM_F_ACK), 0);
    while (socket.receive(1U << 17, MSG_DONTWAIT) > 0) clean("version");
    for (const auto* name : {"events", "samples0"}) EXPECT_EQ(socket.join(socket.group(name)), 0);
    scene.synth.emit(100);
    scene.synth.remove();
    // the last message of the channel, and what came before
    for (int messages = 0; messages < 3; ++messages) {
        EXPECT_GT(socket.receive(), 0);
        clean("a notification");
    }
    while (socket.receive(1U << 17, MSG_DONTWAIT) > 0) clean("a notification");
}

// Whole mappings, used and unused.
void of_mappings(Scene& scene, const std::string& transport) {
    for (const auto& what : mappables()) {
        if (!what.starts_with(transport)) continue;
        const Mappable target{what, scene.id};
        // more than each CPU's ring, so all of it was written once
        scene.synth.emit(700, "size=57 cpus=2");
        const auto* const at = target.map();
        const Bytes bytes{at, at + target.len()};
        expect_clean(bytes, what.c_str());
        if (what == "mmap_ring" || what == "relay") expect_written(bytes, what.c_str());
        ::munmap(const_cast<std::byte*>(at), target.len());
    }
}

void of_mmap(Scene& scene) {
    of_mappings(scene, "mmap");
    const RawChannel channel{scene.id, STATCHAN_T_MMAP};
    auto* const consumer =
        ::mmap(nullptr, page_size(), PROT_READ, MAP_SHARED, channel.device.get(), 0);
    ASSERT_NE(consumer, MAP_FAILED);
    const Bytes untouched(page_size());
    EXPECT_EQ(std::memcmp(consumer, untouched.data(), page_size()), 0) << "the consumer page";
    ::munmap(consumer, page_size());
}

void of_relay(Scene& scene) {
    of_mappings(scene, "relay");
    const RawChannel channel{scene.id, STATCHAN_T_RELAY};
    scene.synth.emit(500);
    const auto path = std::string{channel.answer.path} + "/cpu0";
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    Bytes bytes(1U << 16);
    const auto got = ::read(file.get(), bytes.data(), bytes.size());
    ASSERT_GT(got, 0);
    bytes.resize(static_cast<std::size_t>(got));
    expect_clean(bytes, "the file");
    auto state = sized<statchan_relay_state>();
    EXPECT_EQ(::ioctl(channel.device.get(), STATCHAN_IOC_RELAY_STATE, &state), 0);
    expect_clean(bytes_of(state), "the state");
}

// Its rings are mapped by the library: all of the kernel's that this process can see.
void of_bpf(Scene& scene) {
    auto client = open_client("bpf");
    auto stream = client.subscribe(scene.synth.name(), {.timeout = 1ms, .buffer_size = 16384});
    ASSERT_OK(stream);
    scene.synth.emit(700);
    Reader reader{*stream};
    reader.drain();
    const auto areas = kernel_memory_here();
    EXPECT_FALSE(areas.empty());
    for (const auto& area : areas) expect_clean({area.begin(), area.end()}, "a ring");
}

const std::map<std::string, void (*)(Scene&)> ways{
    {"ioctl", of_ioctl},        {"read", of_read}, {"procfs", of_procfs}, {"netlink", of_netlink},
    {"netlink-nl", of_netlink}, {"mmap", of_mmap}, {"relay", of_relay},   {"bpf", of_bpf},
};

}  // namespace

class HostilePadding : public testing::TestWithParam<std::string> {};
OVER_ALL_TRANSPORTS(HostilePadding);

TEST_P(HostilePadding, NothingLeavesThatWasNotWritten) {
    ASSERT_TRUE(ways.contains(GetParam())) << "nobody looks at what it gives";
    for (int i = 0; i < 2; ++i) {
        dirty_the_kernel();
        Scene scene;
        ways.at(GetParam())(scene);
    }
}

// Rings are zeroed when they are made, so what a lap later is left of an earlier record has no
// pattern: it is what should not be there at all.
class HostilePaddingOfRecords : public OverTransport {};
OVER_TRANSPORTS_WITH(HostilePaddingOfRecords, statchan::Capability::samples);

TEST_P(HostilePaddingOfRecords, IsZeroInEveryLap) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(
        synth.name(),
        {.timeout = 1ms, .buffer_size = 16384, .subbufs = 2, .receive_buffer = 1U << 20});
    ASSERT_OK(stream);
    std::size_t padded = 0;
    std::size_t dirty = 0;
    std::uint64_t came = 0;
    const auto look_at = [&](statchan::Chunk chunk) {
        for (std::size_t at = 0; at < chunk.size();) {
            const auto head = statchan::wire::load_head(chunk.data() + at);
            const auto bytes = statchan::wire::padded(head.len);
            ASSERT_TRUE(statchan::wire::plausible(head, chunk.size() - at));
            for (auto i = std::size_t{head.len}; i < bytes; ++i, ++padded)
                if (chunk[at + i] != std::byte{0}) ++dirty;
            at += bytes;
        }
    };
    for (std::uint64_t round = 0; round < 40; ++round) {
        // a lap of payload up to the last byte, then one of records that end before
        synth.emit(50, round % 2 == 0 ? "size=64" : "size=57");
        EXPECT_TRUE(eventually([&] {
            const auto batch = stream->next(20ms);
            EXPECT_OK(batch);
            if (!batch) return true;
            for (const auto chunk : batch->chunks()) look_at(chunk);
            came += batch->sample_count();
            stream->release();
            return came >= (round + 1) * 50;
        }));
    }
    EXPECT_GE(padded, 40U / 2 * 50 * 7);
    EXPECT_EQ(dirty, 0U);
}

// The pattern would be found. (That it gets into what is not written, the mutation "padding"
// shows.)
TEST(HostilePaddingItself, FindsThePattern) {
    for (const auto poison : poisons) {
        static Bytes bytes;
        bytes.assign(100, std::byte{0});
        std::fill_n(bytes.begin() + 50, 4, poison);
        EXPECT_NONFATAL_FAILURE(expect_clean(bytes, "it"), "it: byte 50 of 100");
    }
}

// Fields that have no meaning yet are 0 wherever they leave the kernel.
TEST(HostilePaddingItself, ReservedFieldsAreZero) {
    Synth synth{"size=57"};
    const auto id = synth.info().id;
    const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    Bytes image(4096);
    auto snapshot = sized<statchan_snapshot_req>();
    snapshot.source = id;
    snapshot.buf = reinterpret_cast<std::uintptr_t>(image.data());
    snapshot.len = image.size();
    ASSERT_EQ(::ioctl(device.get(), STATCHAN_IOC_SNAPSHOT, &snapshot), 0);
    EXPECT_EQ(reinterpret_cast<const statchan_snapshot*>(image.data())->reserved, 0U);
    EXPECT_EQ(snapshot.reserved, 0U);
    auto schema = sized<statchan_schema_req>();
    schema.source = id;
    schema.buf = reinterpret_cast<std::uintptr_t>(image.data());
    schema.len = image.size();
    ASSERT_EQ(::ioctl(device.get(), STATCHAN_IOC_SCHEMA, &schema), 0);
    const auto* head = reinterpret_cast<const statchan_schema*>(image.data());
    const auto* field = reinterpret_cast<const statchan_field*>(
        image.data() + sizeof *head + head->n_groups * sizeof(statchan_group));
    for (unsigned i = 0; i < head->n_fields; ++i) EXPECT_EQ(field[i].reserved, 0U);
}
