// SPDX-License-Identifier: MIT
//
// Memory that changes while the kernel looks at it: it looks once. The arguments of a call by
// another thread, the buffer that it fills by its unmapping.
#include <fcntl.h>
#include <linux/statchan.h>
#include <linux/statchan_synth.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "support/device.hpp"
#include "support/mappable.hpp"
#include "support/meanwhile.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

constexpr int rounds = 3000;

/// What is in memory that nobody has written.
constexpr std::byte untouched{0x77};

bool is_untouched(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte byte) { return byte == untouched; });
}

/// Two values of a number that another thread writes in turn, all the time.
template <class T>
Meanwhile flips(T& number, T one, T other) {
    return Meanwhile{[&number, one, other, turn = false]() mutable {
        turn = !turn;
        std::atomic_ref{number}.store(turn ? one : other, std::memory_order_relaxed);
    }};
}

/// Calls until each of two answers has come so often, or for so long that the rarer one has come
/// often enough: then the kernel has looked at both values. No other answer is right.
template <class Call>
void expect_both(int one, int other, int often, const Call& call) {
    constexpr int enough = 50;  // a busy machine may run the other thread seldom
    int ones = 0;
    int others = 0;
    const auto deadline = Clock::now() + patience;
    while (std::min(ones, others) < often && Clock::now() < deadline &&
           !testing::Test::HasFailure()) {
        const int answer = call();
        EXPECT_TRUE(answer == one || answer == other) << answer;
        ++(answer == one ? ones : others);
    }
    EXPECT_GE(ones, enough) << "of " << one;
    EXPECT_GE(others, enough) << "of " << other;
}

}  // namespace

class HostileDoubleRead : public testing::Test {
  protected:
    Synth synth{"size=64"};
    const std::uint32_t id = synth.info().id;
    const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};

    template <class T>
    [[nodiscard]] int call(unsigned long request, T& argument) const {
        return ::ioctl(device.get(), request, &argument) == 0 ? 0 : errno;
    }
};

// Between the size that is checked and the one that is copied. The longer ones are refused: what
// lies behind the structure is not 0, or it is too much. A later look at them would write there.
TEST_F(HostileDoubleRead, SizeOfTheStructure) {
    struct {
        statchan_version known{};
        std::array<std::byte, 8192> behind{};
    } version;
    version.behind.fill(untouched);
    for (const auto longer : {static_cast<std::uint32_t>(page_size()), 1U << 31}) {
        SCOPED_TRACE(longer);
        version.known.size = sizeof version.known;
        const auto thread = flips<std::uint32_t>(version.known.size, sizeof version.known, longer);
        expect_both(0, E2BIG, rounds / 2, [&] {
            const int err = call(STATCHAN_IOC_VERSION, version);
            EXPECT_TRUE(is_untouched(version.behind));
            return err;
        });
    }
    EXPECT_EQ(version.known.abi, std::uint32_t{STATCHAN_ABI});
}

// Between the room that is checked and the bytes that are copied. The image comes whole, and what
// lies behind it stays as it was, or nothing comes.
TEST_F(HostileDoubleRead, RoomOfASnapshot) {
    const std::size_t image = sizeof(statchan_snapshot) + 8 * synth.info().n_counters;
    std::vector<std::byte> room(image + 64);
    const std::span<const std::byte> behind{room.data() + image, 64};
    statchan_snapshot_req req{};
    req.len = image;
    const auto take = [&] {
        std::ranges::fill(room, untouched);
        req.size = sizeof req;
        req.source = id;
        req.generation = 0;
        req.buf = reinterpret_cast<std::uintptr_t>(room.data());
        return call(STATCHAN_IOC_SNAPSHOT, req);
    };
    {
        // Both are enough, so there is one answer. Who copies as much as there is room for by now
        // goes on behind the image.
        const auto thread = flips<__u64>(req.len, image, image + 64);
        for (int i = 0; i < rounds; ++i) {
            ASSERT_EQ(take(), 0);
            ASSERT_TRUE(is_untouched(behind));
        }
    }
    const auto thread = flips<__u64>(req.len, 8, image);
    expect_both(0, EMSGSIZE, rounds / 2, [&] {
        const int err = take();
        if (err != 0) {
            EXPECT_TRUE(is_untouched(room));
            return err;
        }
        statchan_snapshot head;
        std::memcpy(&head, room.data(), sizeof head);
        std::uint64_t last = 0;  // a gauge
        std::memcpy(&last, room.data() + image - sizeof last, sizeof last);
        EXPECT_EQ(last, statchan_synth_gauge(head.generation, head.n_counters - 1));
        EXPECT_TRUE(is_untouched(behind));
        return err;
    });
}

// Entry by entry, and the room is looked at once: all of them come, or none.
TEST_F(HostileDoubleRead, CountOfALedger) {
    const RawChannel channel{id, STATCHAN_T_IOCTL};
    const auto cpus = channel.answer.nr_cpus;
    ASSERT_GT(cpus, 1U) << "none or all of one shows nothing";
    std::vector<statchan_ledger> room(cpus + 4);
    statchan_ledger_req req{};
    const auto thread = flips<__u32>(req.count, cpus, 0);
    expect_both(static_cast<int>(cpus), 0, rounds / 2, [&] {
        std::ranges::fill(std::as_writable_bytes(std::span{room}), untouched);
        req.size = sizeof req;
        req.channel = channel.answer.id;
        req.buf = reinterpret_cast<std::uintptr_t>(room.data());
        EXPECT_EQ(::ioctl(channel.device.get(), STATCHAN_IOC_LEDGER, &req), 0);
        return static_cast<int>(std::ranges::count_if(room, [](const auto& entry) {
            return !is_untouched(std::as_bytes(std::span{&entry, 1}));
        }));
    });
}

// Names that end, and do not.
TEST_F(HostileDoubleRead, NameOfASource) {
    statchan_source_info req{};
    std::memset(req.name, 'n', sizeof req.name);
    const auto thread = flips<char>(req.name[STATCHAN_NAME_MAX - 1], 'n', 0);
    expect_both(EINVAL, ENOENT, rounds / 2, [&] {
        req.size = sizeof req;
        req.id = 0;
        return call(STATCHAN_IOC_SOURCE_INFO, req);
    });
}

// Short, or longer than they may be.
TEST_F(HostileDoubleRead, ParametersOfASource) {
    alignas(8) std::array<char, STATCHAN_PARAMS_MAX + 64> params;
    params.fill(' ');
    params.back() = 0;
    std::memcpy(params.data(), "size=9", 6);
    {
        const auto thread = flips<char>(params[6], ' ', 0);
        expect_both(0, EINVAL, 150, [&] {
            statchan_source_req req{};
            req.size = sizeof req;
            std::memcpy(req.name, synth.name().c_str(), synth.name().size());
            req.params = reinterpret_cast<std::uintptr_t>(params.data());
            return call(STATCHAN_IOC_SOURCE_SET, req);
        });
    }
    EXPECT_NE(synth.info().params.find(" size=9 "), std::string::npos) << synth.info().params;
}

namespace {

/// A buffer whose pages can be taken away while the kernel writes into it.
class ShakyBuffer {
  public:
    ShakyBuffer() {
        if (place_ == MAP_FAILED) throw std::runtime_error{"no memory for a buffer"};
    }
    ShakyBuffer(const ShakyBuffer&) = delete;
    ShakyBuffer& operator=(const ShakyBuffer&) = delete;
    ~ShakyBuffer() { ::munmap(place_, len_); }

    [[nodiscard]] void* place() const noexcept { return place_; }
    [[nodiscard]] std::size_t len() const noexcept { return len_; }

    /// Takes a page away and gives it back, each for so long: at once a copy may meet both, later
    /// on it meets one.
    void shake(std::size_t page, int steps) const {
        auto* const at = static_cast<std::byte*>(place_) + page * page_size();
        for (const int protection : {PROT_NONE, PROT_READ | PROT_WRITE}) {
            ::mprotect(at, page_size(), protection);
            for (int i = 0; i < 500 * steps; ++i)
                std::atomic_thread_fence(std::memory_order_seq_cst);
        }
    }
    /// No page is there before it is written: what is read next is new.
    void clear() const { EXPECT_EQ(::madvise(place_, len_, MADV_DONTNEED), 0); }

    /// A look at the first bytes that no protection hinders.
    [[nodiscard]] std::string bytes(std::size_t count) const {
        std::string copy(count, 0);
        const auto at = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(place_));
        EXPECT_EQ(::pread(memory_.get(), copy.data(), count, at), static_cast<ssize_t>(count));
        return copy;
    }

  private:
    std::size_t len_ = 16 * page_size();
    void* place_ =
        ::mmap(nullptr, len_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Descriptor memory_{::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)};
};

/// Follows what a channel delivers of one CPU, by pieces of any size: each record once, and each
/// loss at its place.
class Follower {
  public:
    explicit Follower(std::uint64_t next) : next_{next} {}

    void add(const std::string& piece) {
        rest_.append(piece);
        std::size_t done = 0;
        statchan_record head;
        while (rest_.size() - done >= sizeof head) {
            const auto* const at = rest_.data() + done;
            std::memcpy(&head, at, sizeof head);
            ASSERT_GE(head.len, sizeof head);
            const auto room = (head.len + 7U) & ~std::size_t{7};
            if (rest_.size() - done < room) break;
            if (head.type == STATCHAN_RECORD_SAMPLE)
                take_sample(head, at + sizeof head);
            else
                take_loss(at);
            if (testing::Test::HasFatalFailure()) return;
            done += room;
        }
        rest_.erase(0, done);
    }

    [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
    [[nodiscard]] std::uint64_t samples() const noexcept { return samples_; }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
    /// The last piece ended within a record.
    [[nodiscard]] bool is_cut() const noexcept { return !rest_.empty(); }

  private:
    void take_sample(const statchan_record& head, const char* payload) {
        const auto len = static_cast<std::uint32_t>(head.len - sizeof head);
        ASSERT_EQ(head.seq, next_) << "less: a second time; more: one is missing";
        ASSERT_EQ(statchan_synth_check(payload, len, head.cpu, head.seq), len) << head.seq;
        ++samples_;
        ++next_;
    }
    void take_loss(const char* at) {
        statchan_lost loss;
        std::memcpy(&loss, at, sizeof loss);
        ASSERT_EQ(loss.type, STATCHAN_RECORD_LOST);
        ASSERT_EQ(loss.len, sizeof loss);
        ASSERT_EQ(loss.first_seq, next_);
        ASSERT_EQ(loss.count, loss.last_seq - loss.first_seq + 1);
        lost_ += loss.count;
        next_ += loss.count;
    }

    std::uint64_t next_;
    std::uint64_t samples_ = 0;
    std::uint64_t lost_ = 0;
    std::string rest_;
};

/// Takes what there is: the bytes, or -1 and errno.
std::int64_t take_into(const ShakyBuffer& buffer, int fd, std::uint32_t transport) {
    if (transport != STATCHAN_T_IOCTL) return ::read(fd, buffer.place(), buffer.len());
    statchan_read req{};
    req.size = sizeof req;
    req.buf = reinterpret_cast<std::uintptr_t>(buffer.place());
    req.len = buffer.len();
    return ::ioctl(fd, STATCHAN_IOC_READ, &req) == 0 ? static_cast<std::int64_t>(req.len) : -1;
}

/// With nobody in the way all comes that is left, and it adds up.
void expect_the_rest(Synth& synth, const RawChannel& channel, const ShakyBuffer& buffer, int fd,
                     Follower& follower) {
    const auto transport = channel.answer.transport;
    const auto take_all = [&] {
        for (std::int64_t taken = 0; (taken = take_into(buffer, fd, transport)) > 0;)
            follower.add(buffer.bytes(static_cast<std::size_t>(taken)));
    };
    take_all();
    synth.emit(1);  // losses are told before it
    take_all();
    EXPECT_FALSE(follower.is_cut());
    statchan_ledger entry{};
    statchan_ledger_req req{};
    req.size = sizeof req;
    req.count = 1;
    req.buf = reinterpret_cast<std::uintptr_t>(&entry);
    ASSERT_EQ(::ioctl(channel.device.get(), STATCHAN_IOC_LEDGER, &req), 0);
    EXPECT_EQ(follower.next(), entry.next_seq);
    EXPECT_EQ(follower.samples(), entry.accepted);
    EXPECT_EQ(follower.lost(), entry.lost[STATCHAN_LOST_RING_FULL]);
    EXPECT_EQ(entry.produced, entry.accepted + entry.lost[STATCHAN_LOST_RING_FULL]);
    // who reads a file, and how far, the channel is not told
    EXPECT_EQ(entry.consumed,
              transport == STATCHAN_T_RELAY ? STATCHAN_UNAVAILABLE : entry.accepted);
}

}  // namespace

// A page of the buffer goes and comes while records are copied into it, and none is there at first.
// What could not be copied comes again: nothing is delivered twice, and nothing is lost that is not
// told. relay's file delivers what lies before the page, up to the byte.
TEST_F(HostileDoubleRead, BufferThatIsUnmapped) {
    constexpr int often = 10;
    for (const std::uint32_t transport : {STATCHAN_T_IOCTL, STATCHAN_T_READ, STATCHAN_T_RELAY}) {
        for (const std::size_t page : {0U, 3U}) {
            SCOPED_TRACE("transport " + std::to_string(transport) + ", page " +
                         std::to_string(page));
            Follower follower{synth.info().emitted};
            const RawChannel channel{id, transport};
            const Descriptor file{transport == STATCHAN_T_RELAY
                                      ? ::open((std::string{channel.answer.path} + "/cpu0").c_str(),
                                               O_RDONLY | O_CLOEXEC)
                                      : -1};
            const int fd = transport == STATCHAN_T_RELAY ? file.get() : channel.device.get();
            ASSERT_EQ(::fcntl(fd, F_SETFL, O_NONBLOCK), 0);
            const ShakyBuffer buffer;
            int beyond = 0;   // reads that went on behind the page
            int stopped = 0;  // at the page
            {
                const Meanwhile thread{[&, turn = 0]() mutable { buffer.shake(page, turn++ % 8); }};
                const auto deadline = Clock::now() + 3 * patience;
                while (std::min(beyond, stopped) < often && Clock::now() < deadline &&
                       !HasFailure()) {
                    synth.emit(200);  // more than five pages
                    buffer.clear();
                    const auto taken = take_into(buffer, fd, transport);
                    if (taken < 0) {
                        EXPECT_EQ(errno, EFAULT);
                        ++stopped;
                        continue;
                    }
                    const auto bytes = static_cast<std::size_t>(taken);
                    follower.add(buffer.bytes(bytes));
                    if (transport != STATCHAN_T_RELAY) {
                        EXPECT_FALSE(follower.is_cut()) << "these deliver whole records";
                    }
                    ++(bytes > page * page_size() ? beyond : stopped);
                }
            }
            EXPECT_GE(beyond, often);
            EXPECT_GE(stopped, often);
            expect_the_rest(synth, channel, buffer, fd, follower);
        }
    }
}
