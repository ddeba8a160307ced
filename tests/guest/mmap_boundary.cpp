// SPDX-License-Identifier: MIT
//
// Shared memory is a boundary: one page may be written, all else not, now or later; what a program
// writes there harms only itself; and what is mapped is not freed.
#include <fcntl.h>
#include <linux/statchan.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "support/device.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

class MmapBoundary : public testing::Test {
  protected:
    static constexpr std::size_t page = 4096;
    Synth synth{"size=64"};
    int device = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
    statchan_channel_req channel{};

    void SetUp() override { open_channel(STATCHAN_CHANNEL_SAMPLES); }
    void TearDown() override {
        if (device >= 0) ::close(device);
    }

    void open_channel(std::uint32_t kind) {
        channel = {};
        channel.size = sizeof channel;
        channel.source = synth.info().id;
        channel.transport = STATCHAN_T_MMAP;
        channel.kind = kind;
        channel.want.buffer_size = 4 * page;
        ASSERT_EQ(::ioctl(device, STATCHAN_IOC_CHANNEL_OPEN, &channel), 0) << std::strerror(errno);
    }
    [[nodiscard]] void* map(std::uint64_t offset, std::size_t len, int prot,
                            int flags = MAP_SHARED) const {
        return ::mmap(nullptr, len, prot, flags, device, static_cast<off_t>(offset));
    }
    [[nodiscard]] void* map_consumer() const { return map(0, page, PROT_READ | PROT_WRITE); }
    [[nodiscard]] std::size_t ring_bytes() const {
        return page + 2 * static_cast<std::size_t>(channel.got.buffer_size);
    }
    [[nodiscard]] void* map_ring() const { return map(page, ring_bytes(), PROT_READ); }

    /// A child does not see what is mapped there: its accounts would be nobody's.
    void expect_not_inherited(void* at) const {
        const auto child = ::fork();
        if (child == 0) {
            unsigned char resident = 0;
            std::_Exit(::mincore(at, page, &resident) == 0 ? 1 : 0);
        }
        int status = -1;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0) << "the child sees it";
    }

    [[nodiscard]] statchan_ledger ledger() const {
        std::vector<statchan_ledger> entries(64);
        statchan_ledger_req req{};
        req.size = sizeof req;
        req.count = 64;
        req.buf = reinterpret_cast<std::uintptr_t>(entries.data());
        EXPECT_EQ(::ioctl(device, STATCHAN_IOC_LEDGER, &req), 0);
        return entries.front();
    }
};

TEST_F(MmapBoundary, OnlyTheConsumerPageIsWritable) {
    auto* consumer = map_consumer();
    ASSERT_NE(consumer, MAP_FAILED) << std::strerror(errno);
    auto* ring = map_ring();
    ASSERT_NE(ring, MAP_FAILED) << std::strerror(errno);

    EXPECT_EQ(map(page, page, PROT_READ | PROT_WRITE), MAP_FAILED) << "producer page";
    EXPECT_EQ(map(2 * page, page, PROT_READ | PROT_WRITE), MAP_FAILED) << "data";
    EXPECT_EQ(map(0, 2 * page, PROT_READ | PROT_WRITE), MAP_FAILED) << "more than the one page";
    // nor later, nor as a private copy, nor as code
    EXPECT_EQ(::mprotect(ring, page, PROT_READ | PROT_WRITE), -1);
    EXPECT_EQ(errno, EACCES);
    EXPECT_EQ(::mprotect(ring, page, PROT_READ | PROT_EXEC), -1);
    EXPECT_EQ(map(page, page, PROT_READ, MAP_PRIVATE), MAP_FAILED);
    EXPECT_EQ(map(page, page, PROT_READ | PROT_EXEC), MAP_FAILED);
    ::munmap(ring, ring_bytes());
    ::munmap(consumer, page);
}

// It can be written, and nothing else: not run, not copied, not grown, and it stays while mapped.
TEST_F(MmapBoundary, TheConsumerPageIsOnePage) {
    EXPECT_EQ(map(0, page, PROT_READ | PROT_WRITE, MAP_PRIVATE), MAP_FAILED) << "a private copy";
    EXPECT_EQ(map(0, page, PROT_READ | PROT_EXEC), MAP_FAILED) << "code";
    auto* consumer = static_cast<statchan_ring_consumer*>(map_consumer());
    ASSERT_NE(static_cast<void*>(consumer), MAP_FAILED) << std::strerror(errno);
    EXPECT_EQ(::mprotect(consumer, page, PROT_READ | PROT_EXEC), -1);
    EXPECT_EQ(::mremap(consumer, page, 2 * page, MREMAP_MAYMOVE), MAP_FAILED) << "grown";
    EXPECT_EQ(::mremap(consumer, 0, page, MREMAP_MAYMOVE), MAP_FAILED) << "a second one";
    expect_not_inherited(consumer);
    ::close(device);
    device = -1;
    synth.remove();
    std::atomic_ref<__u64>{consumer->pos} = 1;  // the page is there, and nobody's any more
    EXPECT_EQ(consumer->pos, 1U);
    ::munmap(consumer, page);
    auto client = open_client("ioctl");
    EXPECT_TRUE(eventually([&] { return client.channels()->empty(); }));
}

// Though it can be written it is no memory that the program could give pages to, or that the kernel
// may take away: for userfaultfd that would be a WARN. (The kernel itself sees to it: an area of a
// file has operations, if only empty ones.)
TEST_F(MmapBoundary, TheConsumerPageIsNotAnonymous) {
    auto* consumer = map_consumer();
    ASSERT_NE(consumer, MAP_FAILED) << std::strerror(errno);
    const Descriptor faults{static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC))};
    uffdio_api api{};
    api.api = UFFD_API;
    ASSERT_EQ(::ioctl(faults.get(), UFFDIO_API, &api), 0) << std::strerror(errno);
    uffdio_register area{};
    area.range = {.start = reinterpret_cast<std::uintptr_t>(consumer), .len = page};
    area.mode = UFFDIO_REGISTER_MODE_MISSING;
    EXPECT_EQ(::ioctl(faults.get(), UFFDIO_REGISTER, &area), -1) << "pages of the program's own";
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(::madvise(consumer, page, MADV_FREE), -1) << "given up when memory is short";
    EXPECT_EQ(errno, EINVAL);
    ::munmap(consumer, page);
}

TEST_F(MmapBoundary, OffsetsAndLengthsAreChecked) {
    EXPECT_EQ(map(page, ring_bytes() + page, PROT_READ), MAP_FAILED) << "beyond the ring";
    EXPECT_EQ(map(channel.ring_stride * channel.nr_cpus, page, PROT_READ), MAP_FAILED)
        << "a CPU that there is not";
    EXPECT_EQ(map(STATCHAN_MMAP_SNAPSHOT, page, PROT_READ), MAP_FAILED) << "another kind's";
    EXPECT_EQ(map(STATCHAN_MMAP_LIVE, page, PROT_READ), MAP_FAILED);
    EXPECT_EQ(map(1ULL << 62, page, PROT_READ), MAP_FAILED);
    EXPECT_EQ(map(~0ULL & ~(page - 1), page, PROT_READ), MAP_FAILED);
    // A part of a ring is fine, and what follows it in memory is not shown.
    auto* part = map(2 * page, page, PROT_READ);
    EXPECT_NE(part, MAP_FAILED) << std::strerror(errno);
    EXPECT_EQ(::mremap(part, page, 2 * page, MREMAP_MAYMOVE), MAP_FAILED) << "grown by mremap";
    ::munmap(part, page);
}

// Ahead, backwards, far away, not aligned: the kernel's own position stays its own.
TEST_F(MmapBoundary, ForgedPositionsHarmOnlyTheForger) {
    auto* consumer = static_cast<statchan_ring_consumer*>(map_consumer());
    ASSERT_NE(static_cast<void*>(consumer), MAP_FAILED);
    const auto* ring = static_cast<const std::byte*>(map_ring());
    ASSERT_NE(static_cast<const void*>(ring), MAP_FAILED);
    const auto* producer = reinterpret_cast<const statchan_ring_producer*>(ring);
    std::uint64_t produced = 0;
    for (const std::uint64_t forged :
         {~0ULL, 1ULL, 8ULL, 1ULL << 63, 1ULL << 40, ~0ULL - 7, 16384ULL, 16385ULL}) {
        SCOPED_TRACE(forged);
        consumer->pos = forged;
        synth.emit(300);
        produced += 300;
        const auto books = ledger();
        EXPECT_EQ(books.produced, produced);
        EXPECT_EQ(books.produced, books.accepted + books.filtered + books.lost[0]);
        EXPECT_LE(producer->head, produced * (48 + 64 + 56));
        EXPECT_EQ(producer->head % 8, 0U);
        pollfd p{.fd = device, .events = POLLIN, .revents = 0};
        EXPECT_GE(::poll(&p, 1, 0), 0);
        consumer->pos = producer->head;  // honest again, for the next
    }
    // Scribbled over all the time, while two CPUs produce.
    std::atomic<bool> stop{false};
    std::atomic_ref<__u64> pos{consumer->pos};
    std::thread forger{[&] {
        for (std::uint64_t x = 1; !stop; x = x * 6364136223846793005ULL + 1442695040888963407ULL)
            pos.store(x >> (x % 60));
    }};
    synth.emit(50'000, "cpus=2 context=hardirq");
    stop = true;
    forger.join();
    EXPECT_EQ(ledger().produced, produced + 50'000);
    ::munmap(consumer, page);
    ::munmap(const_cast<std::byte*>(ring), ring_bytes());
}

TEST_F(MmapBoundary, PartsAndCopiesOfMappingsAreCounted) {
    auto* first = static_cast<char*>(map_ring());
    ASSERT_NE(static_cast<void*>(first), MAP_FAILED);
    auto* second = map_ring();
    ASSERT_NE(second, MAP_FAILED) << "twice";
    // split in the middle, and mapped over
    EXPECT_EQ(::munmap(first + page, page), 0);
    EXPECT_NE(
        ::mmap(first + 2 * page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
        MAP_FAILED);
    ::munmap(first, ring_bytes());
    expect_not_inherited(second);
    ::munmap(second, ring_bytes());
}

// close() before munmap(): the pages stay, and stay correct, until the last of them is unmapped.
TEST_F(MmapBoundary, MappingOutlivesTheDescriptor) {
    auto* ring = map_ring();
    ASSERT_NE(ring, MAP_FAILED);
    ::close(device);
    device = -1;
    auto client = open_client("ioctl");
    EXPECT_EQ(client.channels()->size(), 1U) << "the channel is still mapped";
    synth.emit(10);
    statchan_ring_producer producer;
    std::memcpy(&producer, ring, sizeof producer);
    EXPECT_EQ(producer.head, 10U * (48 + 64));
    ::munmap(ring, ring_bytes());
    EXPECT_TRUE(eventually([&] { return client.channels()->empty(); }));
}

TEST_F(MmapBoundary, SnapshotsAndLiveImagesAreReadOnly) {
    for (const auto& [kind, offset] : {std::pair{STATCHAN_CHANNEL_SNAPSHOT, STATCHAN_MMAP_SNAPSHOT},
                                       std::pair{STATCHAN_CHANNEL_LIVE, STATCHAN_MMAP_LIVE}}) {
        ::close(device);
        device = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
        open_channel(static_cast<std::uint32_t>(kind));
        if (kind == STATCHAN_CHANNEL_SNAPSHOT) {
            EXPECT_EQ(map(offset, page, PROT_READ), MAP_FAILED) << "none was asked for";
            statchan_snapshot_req req{};
            req.size = sizeof req;
            ASSERT_EQ(::ioctl(device, STATCHAN_IOC_SNAPSHOT_MAP, &req), 0) << std::strerror(errno);
            EXPECT_EQ(req.offset, offset);
        }
        EXPECT_EQ(map(offset, page, PROT_READ | PROT_WRITE), MAP_FAILED);
        EXPECT_EQ(map(offset, page, PROT_READ, MAP_PRIVATE), MAP_FAILED);
        EXPECT_EQ(map(offset, 1U << 20, PROT_READ), MAP_FAILED) << "longer than it is";
        auto* image = map(offset, page, PROT_READ);
        ASSERT_NE(image, MAP_FAILED) << std::strerror(errno);
        EXPECT_EQ(::mprotect(image, page, PROT_READ | PROT_WRITE), -1);
        ::munmap(image, page);
    }
}
