// SPDX-License-Identifier: MIT
//
// Two at once: a channel is set up while its source is changed, mappings are made and refused while
// others go, and the same descriptor is used from all sides.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <initializer_list>
#include <map>
#include <thread>
#include <utility>

#include "support/device.hpp"
#include "support/kernel.hpp"
#include "support/mappable.hpp"
#include "support/meanwhile.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

/// What races must come out both ways, each so often.
constexpr int often_enough = 5;
/// For that: more than a wait for one thing.
constexpr auto race_time = 3 * patience;

/// The kernel's number of a transport of the library.
std::uint32_t number_of(const std::string& transport) {
    static const std::map<std::string, std::uint32_t> numbers{{"ioctl", STATCHAN_T_IOCTL},
                                                              {"read", STATCHAN_T_READ},
                                                              {"netlink", STATCHAN_T_NETLINK},
                                                              {"relay", STATCHAN_T_RELAY},
                                                              {"netlink-nl", STATCHAN_T_NETLINK},
                                                              {"mmap", STATCHAN_T_MMAP},
                                                              {"bpf", STATCHAN_T_BPF}};
    return numbers.at(transport);
}

/// What came of asking for a channel, and when that was.
struct Asked {
    int error = 0;
    Clock::time_point begin{};
    Clock::time_point end{};

    [[nodiscard]] bool overlaps(const Asked& other) const {
        return std::max(begin, other.begin) < std::min(end, other.end);
    }
};

Asked ask_for_channel(int device, std::uint32_t source, std::uint32_t transport,
                      std::uint32_t kind) {
    auto req = channel_request(source, transport, kind);
    req.want.buffer_size = 65536;
    Asked asked;
    asked.begin = Clock::now();
    asked.error = ::ioctl(device, STATCHAN_IOC_CHANNEL_OPEN, &req) == 0 ? 0 : errno;
    asked.end = Clock::now();
    return asked;
}

/// Does with a descriptor all that can be done but to open its channel. Once it has one, it has it.
class Bystander {
  public:
    explicit Bystander(int device) : device_{device} {}

    [[nodiscard]] bool has_seen_channel() const noexcept { return seen_; }

    void look() {
        pollfd ready{.fd = device_, .events = POLLIN, .revents = 0};
        EXPECT_GE(::poll(&ready, 1, 0), 0) << std::strerror(errno);
        note((ready.revents & POLLERR) != 0 ? EBADFD : 0, {0});
        char bytes[4096];
        note(::read(device_, bytes, sizeof bytes) < 0 ? errno : 0, {0, EOPNOTSUPP, EAGAIN});
        statchan_snapshot_req req{};
        req.size = sizeof req;
        const bool shown = ::ioctl(device_, STATCHAN_IOC_SNAPSHOT_MAP, &req) == 0;
        note(shown ? 0 : errno, {0, EOPNOTSUPP});
        map(STATCHAN_MMAP_RING + page_size(), false);
        if (shown && req.offset != 0) map(req.offset, true);
    }

  private:
    // EBADFD: it has no channel
    void note(int error, std::initializer_list<int> legal) {
        if (error == EBADFD) {
            EXPECT_FALSE(seen_) << "the channel was there before";
            return;
        }
        seen_ = true;
        EXPECT_EQ(std::ranges::count(legal, error), 1) << std::strerror(error);
    }
    void map(std::uint64_t offset, bool shown) const {
        auto* const at = ::mmap(nullptr, page_size(), PROT_READ, MAP_SHARED, device_,
                                static_cast<off_t>(offset));
        if (at == MAP_FAILED) {
            EXPECT_TRUE(!shown && (errno == ENODEV || errno == EINVAL)) << std::strerror(errno);
            return;
        }
        std::atomic_ref{*static_cast<std::byte*>(at)}.load();
        ::munmap(at, page_size());
    }

    int device_;
    bool seen_ = false;
};

}  // namespace

class HostileSetUp : public OverTransport {};
OVER_TRANSPORTS_WITH(HostileSetUp, statchan::Capability::samples);

// Rate, size and the generator itself change while channels open and close.
TEST_P(HostileSetUp, WhileTheSourceIsConfigured) {
    Synth synth{"size=64 cpus=2"};
    auto steady = open_client("ioctl").subscribe(synth.name(), {.buffer_size = 1U << 20});
    ASSERT_OK(steady);
    Reader reader{*steady};
    reader.expect_from(0);
    {
        unsigned turn = 0;
        auto control = open_client("ioctl");
        const Meanwhile changes{[&] {
            static constexpr const char* params[] = {
                "size=0 rate=3", "size=2000 emit=5",       "mode=back-to-back count=50 run=1",
                "rate=1 run=0",  "context=hardirq emit=5", "context=process pps=0"};
            EXPECT_OK(control.set_source(synth.name(), params[turn++ % std::size(params)]));
        }};
        for (std::uint32_t i = 0; i < 8; ++i) {
            // other snaplens: other channels, where they would be shared
            auto stream = client.subscribe(
                synth.name(), {.snaplen = 16 + i, .timeout = 1ms, .buffer_size = 8192});
            ASSERT_OK(stream);
            (void)stream->next(0ns);
            reader.drain();
        }
    }
    synth.set("run=0 rate=1");
    EXPECT_TRUE(settle(reader, synth));
    expect_books_close(*steady);
}

// The source goes, and another of its name comes, while channels are opened on it. Mostly it does
// so at once. Some transports need longer to open a channel than it is there then, or away: so at
// times it stays for at least one whole attempt, the one and the other.
TEST_P(HostileSetUp, WhileTheSourceComesAndGoes) {
    auto control = open_client("ioctl");
    std::atomic<int> attempts{0};
    std::atomic<bool> over{false};
    int opened = 0;
    int refused = 0;
    {
        // of two that end from now on the second begins after now
        const auto let_one_pass = [&] {
            (void)eventually([&, last = attempts + 2] { return over || attempts >= last; });
        };
        const Meanwhile churn{[&, turn = 0U]() mutable {
            const bool stays = ++turn % 4 == 0;
            EXPECT_OK(control.add_source("fleeting", "synth", "ports=1 fields=1 queues=0 run=0"));
            if (stays) let_one_pass();
            EXPECT_OK(control.remove_source("fleeting"));
            if (stays) let_one_pass();
        }};
        const auto deadline = Clock::now() + race_time;
        while ((attempts < 30 || std::min(opened, refused) < often_enough) &&
               Clock::now() < deadline && !HasFailure()) {
            auto stream = client.subscribe("fleeting", {.timeout = 1ms, .buffer_size = 8192});
            ++(stream ? opened : refused);
            if (stream) {
                (void)stream->next(0ns);
            } else {
                EXPECT_TRUE(stream.error() == statchan::errc::no_such_source ||
                            stream.error().code == std::errc::no_such_device)
                    << stream.error().message();
            }
            ++attempts;
        }
        over = true;
    }
    EXPECT_GE(opened, often_enough);
    EXPECT_GE(refused, often_enough);
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
}

// Two threads ask for the channel of one descriptor, by different transports, while a third one
// does all else with it. One gets it, the other is told that it is taken. Both come first at times,
// and at times both ask at once; who is refused anyway is gone too soon for that.
TEST_P(HostileSetUp, OfOneDescriptor) {
    Synth synth{"size=64"};
    const auto source = synth.info().id;
    const auto control = open_client("ioctl");
    const auto channels = [&] {
        const auto all = control.channels();
        EXPECT_OK(all);
        return all ? std::ranges::count(*all, source, &statchan::ChannelInfo::source) : -1;
    };
    const auto own = number_of(transport());
    const std::uint32_t others = own == STATCHAN_T_MMAP ? STATCHAN_T_READ : STATCHAN_T_MMAP;
    // For two a descriptor is not enough. They do not get it, and take it from nobody: bpf needs a
    // program; netlink needs a socket, and is told so before anybody looks whether it is taken.
    const int alone = own == STATCHAN_T_BPF ? ENXIO : own == STATCHAN_T_NETLINK ? EOPNOTSUPP : 0;
    const bool may_be_late = own != STATCHAN_T_NETLINK;
    constexpr int twice = 2;  // each
    int first = 0;
    int late = 0;
    int met = 0;  // both at the same time
    const auto enough = [&] {
        return first >= twice && (late >= twice || !may_be_late) && (met >= twice || alone != 0);
    };
    const auto deadline = Clock::now() + race_time;
    for (int round = 0; (round < 10 || !enough()) && Clock::now() < deadline && !HasFailure();
         ++round) {
        Descriptor device{::open("/dev/statchan", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
        Bystander bystander{device.get()};
        Asked mine;
        Asked theirs;
        {
            std::atomic<int> ready{0};
            const Meanwhile looks{[&, begun = false]() mutable {
                bystander.look();
                if (!std::exchange(begun, true)) ++ready;
            }};
            const auto ask = [&](bool for_own) {
                ++ready;
                // three threads, on two CPUs
                while (ready < 3) std::this_thread::yield();
                if (for_own)
                    mine = ask_for_channel(device.get(), source, own, STATCHAN_CHANNEL_SAMPLES);
                else
                    theirs =
                        ask_for_channel(device.get(), source, others, STATCHAN_CHANNEL_SNAPSHOT);
            };
            // in turn, as a thread that exists already may always be the quicker one
            std::thread thread{ask, round % 2 == 0};
            ask(round % 2 != 0);
            thread.join();
        }
        const bool was_late = may_be_late && mine.error == EBUSY;
        EXPECT_EQ(mine.error, was_late ? EBUSY : alone);
        EXPECT_EQ(theirs.error, was_late || alone != 0 ? 0 : EBUSY);
        EXPECT_EQ(channels(), 1);
        bystander.look();
        EXPECT_TRUE(bystander.has_seen_channel());
        device.reset();
        EXPECT_TRUE(eventually([&] { return channels() == 0; })) << "one was forgotten";
        ++(was_late ? late : first);
        if (mine.overlaps(theirs)) ++met;
    }
    EXPECT_GE(first, twice);
    if (may_be_late) {
        EXPECT_GE(late, twice);
    }
    if (alone == 0) {
        EXPECT_GE(met, twice);
    }
}

// The live image of a descriptor is mapped by one thread while another opens its channel: it is not
// there yet, or all of it is.
TEST(HostileSetUpOf, LiveImages) {
    Synth synth{"size=64 " + synth_counters(2048)};
    const auto source = synth.info().id;
    for (int round = 0; round < 20; ++round) {
        const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
        std::atomic<bool> begun{false};
        std::thread opener{[&] {
            auto request = channel_request(source, STATCHAN_T_MMAP, STATCHAN_CHANNEL_LIVE);
            while (!begun) {
            }
            EXPECT_EQ(::ioctl(device.get(), STATCHAN_IOC_CHANNEL_OPEN, &request), 0)
                << std::strerror(errno);
        }};
        void* at = MAP_FAILED;
        EXPECT_TRUE(eventually([&] {
            at = ::mmap(nullptr, page_size(), PROT_READ, MAP_SHARED, device.get(),
                        static_cast<off_t>(STATCHAN_MMAP_LIVE));
            begun = true;
            EXPECT_TRUE(at != MAP_FAILED || errno == ENODEV || errno == EBADFD)
                << std::strerror(errno);
            return at != MAP_FAILED;
        }));
        opener.join();
        ASSERT_NE(at, MAP_FAILED);
        std::atomic_ref{*static_cast<std::byte*>(at)}.load();
        ::munmap(at, page_size());
    }
}

/// Over all that can be mapped.
class HostileHalfWay : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(, HostileHalfWay, testing::ValuesIn(mappables()), parameter_name);

// Some are refused, in all ways there are, while others succeed and go.
TEST_P(HostileHalfWay, RefusedMappingsRaceOthers) {
    {
        Synth synth{"size=64 " + synth_counters(2048)};
        Mappable target{GetParam(), synth.info().id};
        const auto refused = [&] {
            const auto len = target.len();
            EXPECT_EQ(target.map(target.offset(), len, PROT_READ | PROT_WRITE, MAP_SHARED),
                      MAP_FAILED);
            EXPECT_EQ(target.map(target.offset(), len, PROT_READ, MAP_PRIVATE), MAP_FAILED);
            EXPECT_EQ(target.map(target.offset(), len + (2U << 20), PROT_READ, MAP_SHARED),
                      MAP_FAILED);
            EXPECT_EQ(target.map(target.offset() + (1ULL << 50), len, PROT_READ, MAP_SHARED),
                      MAP_FAILED);
        };
        const Meanwhile one{refused};
        const Meanwhile two{[&] { ::munmap(target.map(), target.len()); }};
        for (int i = 0; i < 100; ++i) {
            auto* const at = target.map();
            if (i % 20 == 0) synth.emit(1);
            if (target.has_pages()) std::atomic_ref{*at}.load();
            ::munmap(at, target.len());
        }
    }
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
}

// Its source goes while it is mapped over and over: what is there stays as long as the descriptor,
// and each mapping is whole or refused.
TEST_P(HostileHalfWay, SourceGoesMeanwhile) {
    for (int round = 0; round < 20; ++round) {
        Synth synth{"size=64 " + synth_counters(2048)};
        Mappable target{GetParam(), synth.info().id};
        std::atomic<int> tried{0};
        const auto tried_again = [&] {
            return eventually([&, before = tried.load()] { return tried > before + 1; });
        };
        const Meanwhile maps{[&] {
            auto* const at = target.map(PROT_READ, MAP_SHARED);
            EXPECT_NE(at, MAP_FAILED) << std::strerror(errno);
            if (at != MAP_FAILED && target.has_pages())
                std::atomic_ref{static_cast<std::byte*>(at)[target.len() - 1]}.load();
            if (at != MAP_FAILED) ::munmap(at, target.len());
            ++tried;
        }};
        EXPECT_TRUE(tried_again());
        synth.remove();
        EXPECT_TRUE(tried_again());
    }
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
}

// close() and mmap() of one descriptor at once: it is mapped, and stays so, or it is no descriptor
// any more. Who came first waits a little longer the next time, so that both come first, and close
// to each other.
TEST_P(HostileHalfWay, CloseRacesMmap) {
    Synth synth{"size=64 " + synth_counters(2048)};
    const auto id = synth.info().id;
    int mapped = 0;
    int refused = 0;
    int behind = 0;  // steps that the close is later; fewer than 0: that the mmap() is
    const auto deadline = Clock::now() + race_time;
    while ((mapped + refused < 20 || std::min(mapped, refused) < often_enough) &&
           Clock::now() < deadline && !HasFailure()) {
        Mappable target{GetParam(), id};
        const auto fd = target.fd();
        std::atomic<int> ready{0};
        const auto meet = [&](int steps) {
            ++ready;
            while (ready < 2) {
            }
            for (int i = 0; i < steps * 200; ++i) (void)ready.load();
        };
        std::thread closer{[&] {
            meet(behind);
            target.close();
        }};
        meet(-behind);
        auto* const at = ::mmap(nullptr, target.len(), PROT_READ, MAP_SHARED, fd,
                                static_cast<off_t>(target.offset()));
        const int err = errno;
        closer.join();
        if (at == MAP_FAILED) {
            EXPECT_EQ(err, EBADF);
            ++refused;
            ++behind;
            continue;
        }
        ++mapped;
        --behind;
        if (target.has_pages()) std::atomic_ref{*static_cast<std::byte*>(at)}.load();
        ::munmap(at, target.len());
    }
    EXPECT_GE(mapped, often_enough);
    EXPECT_GE(refused, often_enough);
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
}
