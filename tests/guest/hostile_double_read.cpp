// SPDX-License-Identifier: MIT
//
// Memory that changes while the kernel looks at it: it looks once. The arguments of a call by
// another thread, the buffer that it fills by its unmapping.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "support/device.hpp"
#include "support/mappable.hpp"
#include "support/meanwhile.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

constexpr int rounds = 3000;

/// Two values of a number that another thread writes in turn, all the time.
template <class T>
Meanwhile flips(T& number, T one, T other) {
    return Meanwhile{[&number, one, other] {
        std::atomic_ref{number}.store(one, std::memory_order_relaxed);
        std::atomic_ref{number}.store(other, std::memory_order_relaxed);
    }};
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

// Between the size that is checked and the one that is copied.
TEST_F(HostileDoubleRead, SizeOfTheStructure) {
    struct {
        statchan_version known{};
        std::byte behind[8192]{};
    } version;
    version.known.size = sizeof version.known;
    const auto thread = flips<std::uint32_t>(version.known.size, sizeof version.known, 1U << 31);
    for (int i = 0; i < rounds; ++i) {
        const int err = call(STATCHAN_IOC_VERSION, version);
        EXPECT_TRUE(err == 0 || err == E2BIG) << err;
    }
    for (const auto byte : version.behind) ASSERT_EQ(byte, std::byte{0});
}

// Between the room that is checked and the bytes that are copied: what lies behind the room that
// there is stays as it was.
TEST_F(HostileDoubleRead, RoomOfASnapshot) {
    const std::size_t image = sizeof(statchan_snapshot) + 8 * synth.info().n_counters;
    std::vector<std::byte> room(image + 64, std::byte{0x77});
    statchan_snapshot_req req{};
    const auto thread = flips<__u64>(req.len, image, 8);
    int taken = 0;
    for (int i = 0; i < rounds; ++i) {
        req.size = sizeof req;
        req.source = id;
        req.buf = reinterpret_cast<std::uintptr_t>(room.data());
        const int err = call(STATCHAN_IOC_SNAPSHOT, req);
        EXPECT_TRUE(err == 0 || err == EMSGSIZE) << err;
        taken += err == 0;
    }
    EXPECT_GT(taken, 0);
    for (auto at = image; at < room.size(); ++at) ASSERT_EQ(room[at], std::byte{0x77});
}

TEST_F(HostileDoubleRead, CountOfALedger) {
    const RawChannel channel{id, STATCHAN_T_IOCTL};
    std::vector<statchan_ledger> room(channel.answer.nr_cpus + 4);
    statchan_ledger_req req{};
    const auto thread = flips<__u32>(req.count, channel.answer.nr_cpus, ~0U);
    for (int i = 0; i < rounds; ++i) {
        req.size = sizeof req;
        req.channel = channel.answer.id;
        req.buf = reinterpret_cast<std::uintptr_t>(room.data());
        EXPECT_EQ(::ioctl(channel.device.get(), STATCHAN_IOC_LEDGER, &req), 0);
    }
    for (auto i = channel.answer.nr_cpus; i < room.size(); ++i) ASSERT_EQ(room[i].next_seq, 0U);
}

// Names that end, and do not.
TEST_F(HostileDoubleRead, NameOfASource) {
    statchan_source_info req{};
    std::memset(req.name, 'n', sizeof req.name);
    const auto thread = flips<char>(req.name[STATCHAN_NAME_MAX - 1], 'n', 0);
    for (int i = 0; i < rounds; ++i) {
        req.size = sizeof req;
        req.id = 0;
        const int err = call(STATCHAN_IOC_SOURCE_INFO, req);
        EXPECT_TRUE(err == EINVAL || err == ENOENT) << err;
    }
}

TEST_F(HostileDoubleRead, ParametersOfASource) {
    alignas(8) std::array<char, STATCHAN_PARAMS_MAX + 64> params;
    params.fill(' ');
    params.back() = 0;
    const auto thread = flips<char>(params[6], ' ', 0);
    std::memcpy(params.data(), "size=9", 6);
    for (int i = 0; i < 300; ++i) {
        statchan_source_req req{};
        req.size = sizeof req;
        std::memcpy(req.name, synth.name().c_str(), synth.name().size());
        req.params = reinterpret_cast<std::uintptr_t>(params.data());
        const int err = call(STATCHAN_IOC_SOURCE_SET, req);
        EXPECT_TRUE(err == 0 || err == EINVAL) << err << ", " << params.data();
    }
}

// The buffer goes and comes while records are copied into it. What could not be copied comes again:
// nothing is delivered twice, and nothing is lost that is not told.
TEST_F(HostileDoubleRead, BufferThatIsUnmapped) {
    for (const auto transport : {STATCHAN_T_IOCTL, STATCHAN_T_READ}) {
        const RawChannel channel{id, static_cast<std::uint32_t>(transport)};
        const int fd = channel.device.get();
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
        const std::size_t len = 16 * page_size();
        auto* const room =
            ::mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(room, MAP_FAILED);
        // A look at it that no protection hinders.
        const Descriptor memory{::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)};
        std::vector<std::byte> copy(len);
        std::uint64_t next = 0;
        const auto expect_new = [&](std::size_t got) {
            const auto at = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(room));
            ASSERT_EQ(::pread(memory.get(), copy.data(), got, at), static_cast<ssize_t>(got));
            for (std::size_t done = 0; done < got;) {
                statchan_record record;
                std::memcpy(&record, copy.data() + done, sizeof record);
                ASSERT_GE(record.len, sizeof(statchan_lost));
                if (record.type == STATCHAN_RECORD_SAMPLE) {
                    EXPECT_GE(record.seq, next) << "a second time";
                    next = record.seq + 1;
                }
                done += (record.len + 7U) & ~std::size_t{7};
            }
        };
        {
            const Meanwhile thread{[&] {
                auto* const middle = static_cast<std::byte*>(room) + 3 * page_size();
                ::mprotect(middle, page_size(), PROT_NONE);
                ::mprotect(middle, page_size(), PROT_READ | PROT_WRITE);
            }};
            for (int i = 0; i < 100; ++i) {
                synth.emit(200);
                if (transport == STATCHAN_T_READ) {
                    const auto taken = ::read(fd, room, len);
                    EXPECT_TRUE(taken >= 0 || errno == EFAULT || errno == EAGAIN);
                    if (taken > 0) expect_new(static_cast<std::size_t>(taken));
                    continue;
                }
                statchan_read req{};
                req.size = sizeof req;
                req.buf = reinterpret_cast<std::uintptr_t>(room);
                req.len = len;
                const bool taken = ::ioctl(fd, STATCHAN_IOC_READ, &req) == 0;
                EXPECT_TRUE(taken || errno == EFAULT);
                if (taken) expect_new(req.len);
            }
        }
        statchan_ledger entry{};
        statchan_ledger_req req{};
        req.size = sizeof req;
        req.count = 1;
        req.buf = reinterpret_cast<std::uintptr_t>(&entry);
        // what is left comes whole
        while (::read(fd, room, len) > 0 || read_records(fd) > 0) {
        }
        ASSERT_EQ(::ioctl(fd, STATCHAN_IOC_LEDGER, &req), 0);
        EXPECT_EQ(entry.consumed, entry.accepted);
        EXPECT_EQ(entry.produced, entry.accepted + entry.lost[STATCHAN_LOST_RING_FULL]);
        ::munmap(room, len);
    }
}
