// SPDX-License-Identifier: MIT
//
// Rights are looked at when something is asked for, those of who asks. What is open stays open: it
// is the descriptor that counts, as everywhere. And what only readers may do has an end.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <fstream>
#include <list>
#include <set>
#include <thread>

#include "support/device.hpp"
#include "support/device_mode.hpp"
#include "support/meanwhile.hpp"
#include "support/process.hpp"
#include "support/raw_netlink.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

namespace {

constexpr uid_t nobody = 65534;

bool drop_rights() {
    return ::setresgid(nobody, nobody, nobody) == 0 && ::setresuid(nobody, nobody, nobody) == 0;
}

template <class T>
bool is_denied(const statchan::Result<T>& result) {
    return !result && result.error() == statchan::errc::permission_denied;
}

int open_samples(int device, std::uint32_t source) {
    statchan_channel_req req{};
    req.size = sizeof req;
    req.source = source;
    req.transport = STATCHAN_T_IOCTL;
    req.kind = STATCHAN_CHANNEL_SAMPLES;
    req.want.buffer_size = 8192;
    return ::ioctl(device, STATCHAN_IOC_CHANNEL_OPEN, &req) == 0 ? 0 : errno;
}

}  // namespace

class HostileDroppedRights : public OverTransport {
  protected:
    Synth synth{"size=64"};
};
OVER_TRANSPORTS_WITH(HostileDroppedRights, statchan::Capability::samples);

TEST_P(HostileDroppedRights, WhatIsOpenWorksOnAndNothingElse) {
    EXPECT_EQ(in_child([&]() -> std::string {
                  auto mine = open_client(transport());
                  auto stream = mine.subscribe(synth.name(), {.timeout = 1ms});
                  if (!stream) return stream.error().message();
                  Reader reader{*stream};
                  synth.emit(5);
                  if (!drop_rights()) return "setresuid";
                  if (!reader.records(5)) return "the stream has ended";
                  if (!is_denied(mine.subscribe(synth.name(), {.snaplen = 9}))) return "subscribed";
                  if (!is_denied(mine.set_source(synth.name(), "rate=7"))) return "set";
                  if (!is_denied(mine.add_source("evil", "synth"))) return "added";
                  if (!is_denied(mine.remove_source(synth.name()))) return "removed";
                  return mine.sources() ? "" : "can not even look";
              }),
              "");
}

/// What shows counters and no packets, over all that carry snapshots.
class HostileDroppedRightsOfReaders : public OverTransport {};
OVER_TRANSPORTS_WITH(HostileDroppedRightsOfReaders, statchan::Capability::snapshot);

TEST_P(HostileDroppedRightsOfReaders, GoOnByWhatTheyHaveOpened) {
    Synth synth{"size=64"};
    EXPECT_EQ(in_child([&]() -> std::string {
                  auto mine = open_client(transport());
                  {
                      const auto held = mine.snapshot(synth.name());
                      if (!held) return held.error().message();
                      if (!drop_rights()) return "setresuid";
                      expect_synth_counters(*held);
                  }
                  const auto next = mine.snapshot(synth.name());
                  if (!next) return next.error().message();
                  expect_synth_counters(*next);
                  if (!is_denied(mine.set_source(synth.name(), "rate=7"))) return "set";
                  return HasFailure() ? "wrong counters" : "";
              }),
              "");
}

TEST(HostileDroppedRightsOf, ALiveImageGoesOn) {
    Synth synth;
    EXPECT_EQ(in_child([&]() -> std::string {
                  auto mine = open_client("mmap");
                  auto live = mine.live(synth.name(), 1ms);
                  if (!live) return live.error().message();
                  if (!drop_rights()) return "setresuid";
                  const auto first = live->copy();
                  if (!first) return first.error().message();
                  return eventually([&] {
                      const auto next = live->copy();
                      return next && next->generation() > first->generation();
                  })
                             ? ""
                             : "it stands still";
              }),
              "");
}

TEST(HostileDroppedRightsOf, EventsGoOn) {
    Synth synth;
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    std::thread setter{[&] {
        char byte = 0;
        if (::read(ready[0], &byte, 1) == 1) synth.set("pps=5");
    }};
    EXPECT_EQ(in_child([&]() -> std::string {
                  auto events = open_client("netlink").events();
                  if (!events) return events.error().message();
                  if (!drop_rights()) return "setresuid";
                  if (::write(ready[1], "", 1) != 1) return "pipe";
                  const auto event = events->next(patience);
                  if (!event) return event.error().message();
                  return *event ? "" : "it is deaf";
              }),
              "");
    ::close(ready[1]);  // if the child has failed
    setter.join();
    ::close(ready[0]);
}

/// Descriptors that change hands.
class HostilePassedOn : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    }
    void TearDown() override {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    Synth synth{"size=64"};
    const std::uint32_t id = synth.info().id;
    int ends[2] = {-1, -1};
};

// A descriptor without a channel is no right: nobody can not open a channel on root's.
TEST_F(HostilePassedOn, RootsDescriptorIsNoRight) {
    const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    EXPECT_EQ(as_nobody([&] { return std::to_string(open_samples(device.get(), id)); }),
              std::to_string(EPERM));
    EXPECT_EQ(open_samples(device.get(), id), 0) << "and root still can";
    EXPECT_EQ(as_nobody([&] { return std::to_string(read_records(device.get())); }), "0")
        << "who is given a channel reads it";
}

// By netlink the kernel asks for both: who opened the socket, and who sends.
TEST_F(HostilePassedOn, SocketOfNobodyStaysOne) {
    EXPECT_EQ(as_nobody([&]() -> std::string {
                  const RawNetlink socket;
                  return send_descriptor(ends[1], socket.fd()) ? "sent" : "not sent";
              }),
              "sent");
    const auto socket = receive_descriptor(ends[0]);
    ASSERT_GE(socket.get(), 0);
    const RawNetlink numbers;
    alignas(nlmsghdr) char room[256] = {};
    auto* head = mnl_nlmsg_put_header(room);
    head->nlmsg_type = numbers.family();
    head->nlmsg_flags = NLM_F_REQUEST;
    auto* generic = static_cast<genlmsghdr*>(mnl_nlmsg_put_extra_header(head, sizeof(genlmsghdr)));
    generic->cmd = STATCHAN_CMD_SOURCE_DEL;
    generic->version = STATCHAN_GENL_VERSION;
    mnl_attr_put_strz(head, STATCHAN_A_NAME, synth.name().c_str());
    ASSERT_GT(::send(socket.get(), head, head->nlmsg_len, 0), 0);
    const auto got = ::recv(socket.get(), room, sizeof room, 0);
    ASSERT_GT(got, static_cast<ssize_t>(sizeof(nlmsghdr) + sizeof(int)));
    EXPECT_EQ(*static_cast<const int*>(mnl_nlmsg_get_payload(head)), -EPERM);
}

// ---- root of a user namespace ----

class HostileUserNamespace : public OverTransport {
  protected:
    Synth synth{"size=64"};
    const DeviceMode open_to_all{0666};
};
OVER_TRANSPORTS_WITH(HostileUserNamespace, statchan::Capability::samples);

// With a network namespace of its own: it sees and rules that, and nothing of ours.
TEST_P(HostileUserNamespace, IsRootOverItselfOnly) {
    auto ours = client.subscribe(synth.name(), {.timeout = 1ms});
    ASSERT_OK(ours);
    const auto channel = ours->channel();
    EXPECT_EQ(as_nobody([&]() -> std::string {
                  auto before = open_client("ioctl");  // of our namespace, from when it was there
                  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return "no namespace";
                  if (before.subscribe(synth.name())) return "subscribed to ours";
                  if (!is_denied(before.remove_source(synth.name()))) return "removed ours";
                  if (!is_denied(before.set_source(synth.name(), "rate=2"))) return "set ours";
                  auto mine = open_client(transport());
                  if (!mine.sources() || !mine.sources()->empty()) return "sees our sources";
                  if (!mine.channels() || !mine.channels()->empty()) return "sees our channels";
                  if (mine.ledger(channel)) return "reads our ledger";
                  if (mine.remove_source(synth.name())) return "removed ours by name";
                  if (!mine.add_source(synth.name(), "synth", "ports=1 fields=1 queues=0 run=0"))
                      return "can not add its own, of the same name";
                  if (!mine.set_source(synth.name(), "size=1")) return "can not set its own";
                  // which would hold up all users of generic netlink, message after message
                  const auto waits = mine.set_source(synth.name(), "emit=1");
                  const bool netlink = transport().starts_with("netlink");
                  if (netlink ? !is_denied(waits) : !waits) return "emit: not as it should";
                  return mine.remove_source(synth.name()) ? "" : "can not remove its own";
              }),
              "");
    Reader reader{*ours};
    reader.expect_from(0);
    synth.emit(5);
    EXPECT_TRUE(reader.records(5)) << "ours is as it was";
    EXPECT_OK(client.ledger(channel));
}

// By numbers, past the names: to stop, close or follow our channel.
TEST_P(HostileUserNamespace, ReachesNoChannelByNumber) {
    auto ours = client.subscribe(synth.name(), {.timeout = 1ms});
    ASSERT_OK(ours);
    const auto channel = ours->channel();
    EXPECT_EQ(
        as_nobody([&]() -> std::string {
            if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return "no namespace";
            const auto own = open_client("netlink").add_source("own", "synth", "size=64");
            if (!own) return own.error().message();
            const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
            auto request = channel_request(own->id, STATCHAN_T_IOCTL);
            request.follows = channel;
            if (::ioctl(device.get(), STATCHAN_IOC_CHANNEL_OPEN, &request) == 0 || errno != ENOENT)
                return std::string{"follow over the device: "} + std::strerror(errno);
            RawNetlink socket;
            socket.ask(STATCHAN_CMD_CHANNEL_OPEN, NLM_F_ACK, [&](nlmsghdr* head) {
                mnl_attr_put_u32(head, STATCHAN_A_SOURCE, own->id);
                mnl_attr_put_u32(head, STATCHAN_A_FOLLOWS, channel);
            });
            if (const int err = socket.finish().error; err != ENOENT)
                return "follow: errno " + std::to_string(err);
            for (const auto command : {STATCHAN_CMD_CHANNEL_STOP, STATCHAN_CMD_CHANNEL_START,
                                       STATCHAN_CMD_CHANNEL_CLOSE}) {
                socket.ask(static_cast<std::uint8_t>(command), NLM_F_ACK, [&](nlmsghdr* head) {
                    mnl_attr_put_u32(head, STATCHAN_A_CHANNEL, channel);
                });
                if (const int err = socket.finish().error; err != ENOENT)
                    return std::to_string(command) + ": errno " + std::to_string(err);
            }
            return "";
        }),
        "");
    Reader reader{*ours};
    synth.emit(5);
    EXPECT_TRUE(reader.records(5));
}

// netlink's messages are charged to nobody, either, and others wait while they are made.
TEST(HostileUserNamespaceNetlink, HasSmallBuffersOnly) {
    const auto answer = as_nobody([]() -> std::string {
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return "no namespace";
        auto mine = open_client("netlink");
        if (!mine.add_source("mine", "synth", "size=64")) return "can not add its own";
        if (!mine.subscribe("mine", {.buffer_size = 1U << 20})) return "not even a small one";
        const auto stream = mine.subscribe("mine", {.buffer_size = 8U << 20});
        if (stream) return "subscribed";
        return (is_denied(stream) ? "denied: " : "failed: ") + stream.error().message();
    });
    EXPECT_EQ(answer.rfind("denied: ", 0), 0U) << answer;
    EXPECT_NE(answer.find("smaller"), std::string::npos) << answer;
}

// relay's buffers are charged to nobody, and its files are not for such a root.
TEST(HostileUserNamespaceRelay, IsRefused) {
    const DeviceMode open_to_all{0666};
    const auto answer = as_nobody([]() -> std::string {
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return "no namespace";
        auto mine = open_client("relay");
        if (!mine.add_source("mine", "synth", "size=64")) return "can not add its own";
        const auto stream = mine.subscribe("mine");
        if (stream) return "subscribed";
        return (is_denied(stream) ? "denied: " : "failed: ") + stream.error().message();
    });
    EXPECT_EQ(answer.rfind("denied: ", 0), 0U) << answer;
    EXPECT_NE(answer.find("debugfs"), std::string::npos) << answer;
}

// ---- memory ----

/// Over all that carry snapshots.
class HostileGreed : public OverTransport {
  protected:
    Synth synth{"size=64 " + synth_counters(512)};
    const DeviceMode open_to_all{0666};

    /// As nobody in a child: runs @p take, which keeps what it got, then @p meanwhile here.
    void while_nobody_holds(const std::function<void()>& take,
                            const std::function<void()>& meanwhile) const {
        int ready[2];
        int over[2];
        ASSERT_EQ(::pipe(ready), 0);
        ASSERT_EQ(::pipe(over), 0);
        const auto child = ::fork();
        if (child == 0) {
            if (!drop_rights()) std::_Exit(1);
            ::close(over[1]);
            take();
            char byte = 0;
            (void)!::write(ready[1], &byte, 1);
            (void)!::read(over[0], &byte, 1);
            std::_Exit(HasFailure() ? 98 : 0);
        }
        ::close(ready[1]);  // a child that fails is the end of what is read
        char byte = 0;
        EXPECT_EQ(::read(ready[0], &byte, 1), 1);
        meanwhile();
        for (const int fd : {ready[0], over[0], over[1]}) ::close(fd);
        int status = -1;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
    }
};
OVER_TRANSPORTS_WITH(HostileGreed, statchan::Capability::snapshot);

namespace {

/// A control group for memory; the kernels that are built for it have one.
class MemoryGroup {
  public:
    MemoryGroup() {
        sh("mkdir -p " + root + " && { mountpoint -q " + root + " || mount -t cgroup2 none " +
           root + "; } && echo +memory >" + root + "/cgroup.subtree_control && mkdir " + folder);
    }
    MemoryGroup(const MemoryGroup&) = delete;
    MemoryGroup& operator=(const MemoryGroup&) = delete;
    ~MemoryGroup() { EXPECT_EQ(::rmdir(folder.c_str()), 0); }

    static bool enter() {
        std::ofstream file{folder + "/cgroup.procs"};
        file << "0" << std::flush;
        return file.good();
    }
    /// Bytes that its processes have been charged with.
    static std::uint64_t charged() { return std::stoull(slurp(folder + "/memory.current")); }

  private:
    static inline const std::string root{"/tmp/cgroup"};
    static inline const std::string folder{root + "/charged"};
};

}  // namespace

// Who makes sources and channels pays for them: their number has no other limit. A source that was
// not sampled yet keeps its schema and little else.
TEST(HostileCharge, OfSourcesAndChannels) {
    constexpr auto number = 64U;
    constexpr auto source_bytes = 4096 * sizeof(std::uint64_t) / 2;
    constexpr auto channel_bytes = 65536U;
    const MemoryGroup group;
    EXPECT_EQ(in_child([]() -> std::string {
                  if (!MemoryGroup::enter()) return "can not enter";
                  std::list<Synth> sources;
                  std::list<statchan::Stream> streams;
                  auto client = open_client("mmap");
                  const auto before = MemoryGroup::charged();
                  for (unsigned i = 0; i < number; ++i)
                      sources.emplace_back("size=64 " + synth_counters(4096));
                  const auto made = MemoryGroup::charged();
                  for (const auto& source : sources) {
                      auto stream = client.subscribe(source.name(), {.buffer_size = channel_bytes});
                      if (!stream) return stream.error().message();
                      streams.push_back(std::move(*stream));
                  }
                  const auto opened = MemoryGroup::charged();
                  return made - before >= number * source_bytes &&
                                 opened - made >= number * channel_bytes
                             ? ""
                             : std::to_string(made - before) + " for sources, " +
                                   std::to_string(opened - made) + " for channels";
              }),
              "");
}

TEST(HostileCharge, OfLiveImages) {
    constexpr std::uint64_t image = 131072 * sizeof(std::uint64_t);
    const MemoryGroup group;
    EXPECT_EQ(in_child([]() -> std::string {
                  if (!MemoryGroup::enter()) return "can not enter";
                  const Synth synth{"size=64 " + synth_counters(131072)};
                  auto client = open_client("mmap");
                  const auto before = MemoryGroup::charged();
                  const auto live = client.live(synth.name());
                  if (!live) return live.error().message();
                  const auto after = MemoryGroup::charged();
                  // each CPU has up to 64 pages in stock, and this process may have changed it
                  const auto stock = 2 * 64 * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
                  return after + stock - before >= 2 * image ? "" : std::to_string(after - before);
              }),
              "");
}

// Each generation that somebody holds takes a slot: some are kept for those with rights.
TEST_P(HostileGreed, AllSnapshotsAtOnce) {
    while_nobody_holds(
        [&] {
            static std::deque<statchan::Client> clients;
            static std::list<statchan::Snapshot> held;
            for (int i = 0; i < 70; ++i) {
                clients.push_back(open_client(transport()));
                if (auto snapshot = clients.back().snapshot(synth.name()))
                    held.push_back(std::move(*snapshot));
            }
        },
        [&] {
            for (int i = 0; i < 3; ++i) {
                const auto snapshot = client.snapshot(synth.name());
                EXPECT_OK(snapshot);
                if (snapshot) expect_synth_counters(*snapshot);
            }
        });
    EXPECT_OK(client.snapshot(synth.name()));
}

// The same without the library's manners: descriptors that choose one each, dumps left half way,
// files of procfs.
TEST_P(HostileGreed, AllSlotsByAllWays) {
    while_nobody_holds(
        [&] {
            static std::vector<Descriptor> held;
            static std::list<RawNetlink> dumps;
            const auto id = synth.info().id;
            for (int i = 0; i < 80; ++i) {
                statchan_channel_req req{};
                req.size = sizeof req;
                req.source = id;
                req.transport = i % 2 == 0 ? STATCHAN_T_MMAP : STATCHAN_T_READ;
                req.kind = STATCHAN_CHANNEL_SNAPSHOT;
                statchan_snapshot_req chosen{};
                chosen.size = sizeof chosen;
                held.emplace_back(::open("/dev/statchan", O_RDWR | O_CLOEXEC));
                ::ioctl(held.back().get(), STATCHAN_IOC_CHANNEL_OPEN, &req);
                ::ioctl(held.back().get(), STATCHAN_IOC_SNAPSHOT_MAP, &chosen);
                held.emplace_back(
                    ::open(("/proc/net/statchan/" + synth.name()).c_str(), O_RDONLY | O_CLOEXEC));
                char byte = 0;
                (void)!::read(held.back().get(), &byte, 1);
                dumps.emplace_back().ask(STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP,
                                         [&](nlmsghdr* head) {
                                             mnl_attr_put_u32(head, STATCHAN_A_SOURCE, id);
                                             mnl_attr_put_u64(head, STATCHAN_A_LENGTH, 512);
                                         });
            }
        },
        [&] {
            EXPECT_OK(client.snapshot(synth.name()));
            EXPECT_EQ(as_nobody([&]() -> std::string {
                          const auto more = open_client(transport()).snapshot(synth.name());
                          if (more) return "taken";
                          const auto& text = more.error().message();
                          return text.find(synth.name()) == std::string::npos ? text : "refused";
                      }),
                      "refused")
                << "with a sentence about the source";
            // what nobody opened, and root reads: as if it were its standard input
            int ends[2];
            ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
            const Descriptor near{ends[0]};
            const Descriptor far{ends[1]};
            EXPECT_EQ(as_nobody([&]() -> std::string {
                          const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
                          auto request = channel_request(synth.info().id, STATCHAN_T_READ,
                                                         STATCHAN_CHANNEL_SNAPSHOT);
                          if (::ioctl(device.get(), STATCHAN_IOC_CHANNEL_OPEN, &request) != 0)
                              return std::strerror(errno);
                          return send_descriptor(near.get(), device.get()) ? "" : "not sent";
                      }),
                      "");
            const auto theirs = receive_descriptor(far.get());
            char byte = 0;
            EXPECT_EQ(::pread(theirs.get(), &byte, 1, 0), -1) << "a slot that is kept for root";
            EXPECT_EQ(errno, EBUSY);
        });
}

// A snapshot that somebody with rights took may be shared: whoever keeps it keeps the slot, though
// he might not have had one for himself.
TEST_P(HostileGreed, AllSlotsBySharing) {
    auto privileged = open_client("ioctl");
    const Meanwhile takes{[&] { EXPECT_OK(privileged.snapshot(synth.name())); }};
    while_nobody_holds(
        [&] {
            static std::vector<Descriptor> held;
            std::set<std::uint64_t> generations;
            bool refused = false;
            for (int i = 0; i < 80 && !refused; ++i) {
                auto req =
                    channel_request(synth.info().id, STATCHAN_T_READ, STATCHAN_CHANNEL_SNAPSHOT);
                held.emplace_back(::open("/dev/statchan", O_RDWR | O_CLOEXEC));
                EXPECT_EQ(::ioctl(held.back().get(), STATCHAN_IOC_CHANNEL_OPEN, &req), 0);
                // one that this process does not hold yet
                EXPECT_TRUE(eventually([&] {
                    statchan_snapshot_req shared{};
                    shared.size = sizeof shared;
                    shared.max_age_ns = ~0ULL;
                    refused = ::ioctl(held.back().get(), STATCHAN_IOC_SNAPSHOT_MAP, &shared) != 0;
                    return refused || generations.insert(shared.generation).second;
                }));
            }
            EXPECT_GE(generations.size(), 40U) << "nothing was shared";
            EXPECT_TRUE(refused) << generations.size() << " generations are held";
        },
        [&] { EXPECT_OK(client.snapshot(synth.name())); });
}

// The old text takes a snapshot with each read: it is one of the readers without rights, of whom
// there are few at a time.
TEST(HostileGreedOf, TheOldTextIsCounted) {
    Synth synth{"size=64"};
    const auto path = "/proc/net/statchan/" + synth.name();
    EXPECT_EQ(as_nobody([&]() -> std::string {
                  const auto reads_one = [](const Descriptor& file) {
                      char byte = 0;
                      return ::read(file.get(), &byte, 1) == 1;
                  };
                  const Descriptor old{::open((path + "~legacy").c_str(), O_RDONLY | O_CLOEXEC)};
                  if (!reads_one(old)) return "not even alone";
                  std::list<Descriptor> texts;
                  for (unsigned i = 0; i < 8; ++i) {
                      texts.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
                      if (!reads_one(texts.back())) return std::strerror(errno);
                  }
                  if (reads_one(old) || errno != EBUSY) return "one too many";
                  texts.pop_front();
                  return reads_one(old) ? "" : "it is still counted";
              }),
              "");
}

// A live channel has memory of its own for two images.
TEST(HostileGreedOf, LiveChannels) {
    Synth synth{"size=64"};
    const DeviceMode open_to_all{0666};
    EXPECT_EQ(
        as_nobody([&]() -> std::string {
            std::vector<statchan::Client> clients;
            std::vector<statchan::LiveSnapshot> held;
            for (int i = 0; i < 20; ++i) {
                clients.push_back(open_client("mmap"));
                auto live = clients.back().live(synth.name());
                if (!live)
                    return std::to_string(i) + " and then " +
                           (live.error().code == std::errc::device_or_resource_busy ? "busy" : "?");
                held.push_back(std::move(*live));
            }
            return "no end";
        }),
        "8 and then busy");
    std::vector<statchan::Client> clients;
    std::vector<statchan::LiveSnapshot> held;
    for (int i = 0; i < 12; ++i) {
        clients.push_back(open_client("mmap"));
        auto live = clients.back().live(synth.name());
        ASSERT_OK(live);
        held.push_back(std::move(*live));
    }
}
