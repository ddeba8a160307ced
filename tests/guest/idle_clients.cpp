// SPDX-License-Identifier: MIT
//
// A Client keeps what it may need again: channels and mappings of snapshots that are gone. That
// must cost nobody else anything, and be of use.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>

#include "support/device.hpp"
#include "support/device_mode.hpp"
#include "support/mappable.hpp"
#include "support/process.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

namespace {

constexpr int slots = 64;  // for snapshots of one source: STATCHAN_SNAP_SLOTS in kernel/core.h

std::vector<std::uint32_t> ids_of_channels(const statchan::Client& client) {
    std::vector<std::uint32_t> ids;
    const auto channels = client.channels();
    EXPECT_OK(channels);
    for (const auto& channel : channels.value()) ids.push_back(channel.id);
    return ids;
}

/// As many clients as there are slots: each takes a snapshot and drops it. The first failure.
std::optional<statchan::Error> take_and_drop(std::deque<statchan::Client>& clients,
                                             const std::string& transport,
                                             const std::string& source,
                                             const statchan::SnapshotOptions& options) {
    for (int i = 0; i < slots; ++i) {
        clients.push_back(open_client(transport));
        const auto snapshot = clients.back().snapshot(source, options);
        if (!snapshot) return snapshot.error();
    }
    return std::nullopt;
}

}  // namespace

class IdleClients : public OverTransport {};
OVER_TRANSPORTS_WITH(IdleClients, statchan::Capability::snapshot);

TEST_P(IdleClients, HoldNoSnapshot) {
    // What is chosen is carried in another way than what is new.
    for (const bool digest : {false, true}) {
        SCOPED_TRACE(digest);
        Synth synth;
        std::deque<statchan::Client> idle;
        const auto refused = take_and_drop(idle, transport(), synth.name(), {.digest = digest});
        ASSERT_FALSE(refused) << idle.size() << " clients: " << refused->message();
        const auto snapshot = open_client("ioctl").snapshot(synth.name());
        ASSERT_OK(snapshot);
        EXPECT_EQ(snapshot->generation(), slots + 1U);
        expect_synth_counters(*snapshot);
    }
}

// For whom there are fewer slots.
TEST_P(IdleClients, WithoutRightsHoldNoneEither) {
    Synth synth;
    const DeviceMode open_to_all{0666};
    EXPECT_EQ(as_nobody([&]() -> std::string {
                  std::deque<statchan::Client> idle;
                  const auto refused =
                      take_and_drop(idle, transport(), synth.name(), {.digest = true});
                  return refused ? std::to_string(idle.size()) + " clients: " + refused->message()
                                 : "all have taken one";
              }),
              "all have taken one");
}

/// Where a snapshot takes a channel.
class IdleChannels : public OverTransport {};
INSTANTIATE_TEST_SUITE_P(, IdleChannels, testing::Values("read", "mmap"), parameter_name);

TEST_P(IdleChannels, AreUsedAgainHoweverManySources) {
    constexpr std::size_t number = 12;
    std::deque<Synth> sources(number);
    const auto take_of_each = [&](const statchan::SnapshotOptions& options) {
        for (const auto& source : sources) {
            const auto snapshot = client.snapshot(source.name(), options);
            ASSERT_OK(snapshot);
            expect_synth_counters(*snapshot);
        }
    };
    take_of_each({});
    const auto opened = ids_of_channels(client);
    EXPECT_EQ(opened.size(), number);
    for (int round = 0; round < 3; ++round) {
        take_of_each({});
        take_of_each({.digest = true});
    }
    EXPECT_EQ(ids_of_channels(client), opened) << "others were opened";
}

// Nobody will ever want them: the source of the same name is another one.
TEST_P(IdleChannels, GoWhenTheirSourceIsFoundGone) {
    Synth synth;
    {
        // Chosen, so that over read, too, it is a channel that held something.
        std::vector<statchan::Snapshot> held;
        for (int i = 0; i < 3; ++i) {
            auto snapshot = client.snapshot(synth.name(), {.digest = true});
            ASSERT_OK(snapshot);
            held.push_back(std::move(*snapshot));
        }
    }
    EXPECT_FALSE(ids_of_channels(client).empty());
    synth.remove();
    const auto gone = client.snapshot(synth.name());
    ASSERT_FALSE(gone.has_value());
    EXPECT_TRUE(gone.error() == statchan::errc::no_such_source) << gone.error().message();
    EXPECT_TRUE(eventually([&] { return ids_of_channels(client).empty(); }));
}

// The child has the same open files as its parent, and not the mappings.
TEST_P(IdleChannels, ForkedChildLeavesThoseOfItsParentAlone) {
    Synth synth{synth_counters(4096)};
    std::optional<statchan::Snapshot> held;
    {
        const auto idle_later = client.snapshot(synth.name(), {.digest = true});
        ASSERT_OK(idle_later);
        auto second = client.snapshot(synth.name(), {.digest = true});
        ASSERT_OK(second);
        held = std::move(*second);
    }
    EXPECT_EQ(in_child([&]() -> std::string {
                  for (int i = 0; i < 5; ++i) {
                      if (i == 2) held.reset();
                      const auto own = client.snapshot(synth.name(), {.digest = true});
                      if (!own) return own.error().message();
                      if (own->kernel_digest() != own->digest()) return "not as it was taken";
                  }
                  return "taken";
              }),
              "taken");
    // Were the parent's let go of, its memory would be the next to be written to.
    auto other = open_client("ioctl");
    for (int i = 0; i < 5; ++i) EXPECT_OK(other.snapshot(synth.name()));
    EXPECT_EQ(held->kernel_digest(), held->digest());
    expect_synth_counters(*held);
    const auto next = client.snapshot(synth.name(), {.digest = true});
    ASSERT_OK(next);
    EXPECT_EQ(next->kernel_digest(), next->digest());
}

/// The kernel's side of it: STATCHAN_LET_GO.
class LetGo : public testing::Test {
  protected:
    template <class T>
    int call(unsigned long request, T& argument) const {
        argument.size = sizeof argument;
        return ::ioctl(device.get(), request, &argument) == 0 ? 0 : errno;
    }
    int map_with(const statchan_snapshot_req& wanted) {
        req = wanted;
        return call(STATCHAN_IOC_SNAPSHOT_MAP, req);
    }
    static statchan_snapshot_req flags(std::uint32_t flags) {
        statchan_snapshot_req wanted{};
        wanted.flags = flags;
        return wanted;
    }
    int let_go() { return map_with(flags(STATCHAN_LET_GO)); }
    void open_channel(std::uint32_t transport, std::uint32_t kind = STATCHAN_CHANNEL_SNAPSHOT) {
        device = Descriptor{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
        statchan_channel_req channel{};
        channel.source = synth.info().id;
        channel.transport = transport;
        channel.kind = kind;
        ASSERT_EQ(call(STATCHAN_IOC_CHANNEL_OPEN, channel), 0) << sentence();
    }
    [[nodiscard]] std::string sentence() const {
        statchan_error error{};
        EXPECT_EQ(call(STATCHAN_IOC_ERROR, error), 0);
        return error.text;
    }
    /// Whether there is something to map.
    [[nodiscard]] bool shows(std::uint64_t offset) const {
        void* const at = ::mmap(nullptr, page_size(), PROT_READ, MAP_SHARED, device.get(),
                                static_cast<off_t>(offset));
        if (at == MAP_FAILED) return false;
        ::munmap(at, page_size());
        return true;
    }
    /// The generation that is read from here; 0: errno tells why there is none.
    [[nodiscard]] std::uint64_t generation_read(off_t at) const {
        std::uint64_t words[64]{};
        if (::pread(device.get(), words, sizeof words, at) <= 0) return 0;
        statchan_snapshot head;
        std::memcpy(&head, words, sizeof head);
        return at == 0 ? head.generation : ~0ULL;
    }

    Synth synth;
    Descriptor device;
    statchan_snapshot_req req{};
};

TEST_F(LetGo, MappedSnapshotGoesAndAnotherCanBeTaken) {
    open_channel(STATCHAN_T_MMAP);
    EXPECT_EQ(let_go(), 0) << "of nothing: " << sentence();
    ASSERT_EQ(map_with({}), 0) << sentence();
    const auto offset = req.offset;
    EXPECT_TRUE(shows(offset));
    ASSERT_EQ(let_go(), 0) << sentence();
    EXPECT_EQ(req.len, 0U);
    EXPECT_EQ(req.offset, 0U);
    EXPECT_EQ(req.generation, 0U);
    EXPECT_FALSE(shows(offset)) << "nobody holds it";
    EXPECT_EQ(synth.info().generation, 1U) << "none was taken";
    ASSERT_EQ(map_with({}), 0) << sentence();
    EXPECT_EQ(req.generation, 2U);
    EXPECT_TRUE(shows(req.offset));
}

TEST_F(LetGo, ChosenSnapshotIsNotReadAnyMore) {
    open_channel(STATCHAN_T_READ);
    ASSERT_EQ(map_with({}), 0) << sentence();
    EXPECT_EQ(generation_read(0), 1U);
    EXPECT_NE(generation_read(8), 0U);
    ASSERT_EQ(let_go(), 0) << sentence();
    errno = 0;
    EXPECT_EQ(generation_read(8), 0U);
    EXPECT_EQ(errno, ENODATA);
    EXPECT_EQ(generation_read(0), 2U) << "a new one";
}

// It says nothing of a snapshot, and what it does not do it does not do in part.
TEST_F(LetGo, IsAloneOrRefused) {
    open_channel(STATCHAN_T_MMAP);
    ASSERT_EQ(map_with({}), 0) << sentence();
    const auto offset = req.offset;
    auto with_age = flags(STATCHAN_LET_GO);
    with_age.max_age_ns = 1;
    auto with_generation = flags(STATCHAN_LET_GO);
    with_generation.generation = 1;
    auto with_reserved = flags(STATCHAN_LET_GO);
    with_reserved.reserved = 1;
    for (const auto& wrong : {flags(STATCHAN_LET_GO | STATCHAN_GET_DIGEST), with_age,
                              flags(STATCHAN_LET_GO | 0x80U), with_generation, with_reserved}) {
        EXPECT_EQ(map_with(wrong), EINVAL);
        EXPECT_NE(sentence().find("STATCHAN_LET_GO"), std::string::npos) << sentence();
        EXPECT_TRUE(shows(offset)) << "refused, and let go of";
    }
    auto copy = flags(STATCHAN_LET_GO);
    copy.source = synth.info().id;
    EXPECT_EQ(call(STATCHAN_IOC_SNAPSHOT, copy), EINVAL) << "that holds nothing";
}

TEST_F(LetGo, IsForChannelsOfSnapshots) {
    device = Descriptor{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    EXPECT_EQ(let_go(), EBADFD);
    open_channel(STATCHAN_T_MMAP, STATCHAN_CHANNEL_SAMPLES);
    EXPECT_EQ(let_go(), EOPNOTSUPP);
}
