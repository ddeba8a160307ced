// SPDX-License-Identifier: MIT
#include "ring.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <thread>
#include <vector>

#include "fd.hpp"
#include "support/ok.hpp"

namespace {

using statchan::errc;
using statchan::detail::Mapping;
using statchan::detail::Ring;
using statchan::detail::RingLayout;

constexpr statchan::detail::Task task{"test"};
const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

statchan_channel_req answer(std::uint64_t data) {
    statchan_channel_req a{};
    a.page_size = static_cast<std::uint32_t>(page);
    a.got.buffer_size = data;
    a.ring_stride = 2 * page + 2 * data;
    return a;
}

// The kernel's side: three areas, the data mapped twice in a row.
struct Kernel {
    Kernel() {
        const int fd = ::memfd_create("ring", 0);
        EXPECT_EQ(::ftruncate(fd, static_cast<off_t>(2 * page + size)), 0);
        auto* base =
            ::mmap(nullptr, 2 * page + 2 * size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        auto* again = static_cast<std::byte*>(base) + 2 * page + size;
        EXPECT_EQ(::mmap(again, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                         static_cast<off_t>(2 * page)),
                  again);
        ::close(fd);
        memory = Mapping{base, 2 * page + 2 * size};
    }
    [[nodiscard]] statchan_ring_consumer& consumer() const {
        return *reinterpret_cast<statchan_ring_consumer*>(memory.data());
    }
    [[nodiscard]] statchan_ring_producer& producer() const {
        return *reinterpret_cast<statchan_ring_producer*>(memory.data() + page);
    }
    [[nodiscard]] std::byte* data() const { return memory.data() + 2 * page; }
    [[nodiscard]] Ring ring() const {
        return Ring{*RingLayout::make(answer(size), task), 0, memory.data(), memory.data() + page};
    }
    std::size_t size = page;
    Mapping memory;
};

TEST(RingLayout, TakesWhatTheKernelGives) { ASSERT_OK(RingLayout::make(answer(4 * page), task)); }

TEST(RingLayout, RejectsSizesThatMakeNoSense) {
    const auto bad = [](auto change) {
        auto a = answer(4 * page);
        change(a);
        EXPECT_FAILS(RingLayout::make(a, task), errc::bad_data);
    };
    bad([](auto& a) { a.page_size = 1; });
    bad([](auto& a) { a.got.buffer_size = 0; });
    bad([](auto& a) { a.got.buffer_size = 3 * page; });
    bad([](auto& a) { a.got.buffer_size = page / 2; });
    bad([](auto& a) { a.got.buffer_size = 1ULL << 40; });
    bad([](auto& a) { a.got.buffer_size = 1ULL << 63; });
    bad([](auto& a) { a.ring_stride = 2 * page; });
    bad([](auto& a) { a.ring_stride += 1; });
    bad([](auto& a) { a.ring_stride = 1ULL << 50; });
}

// Of the largest rings the ninth begins beyond 2^32.
TEST(RingLayout, OffsetsOfTheLargestRingsOfManyCpus) {
    const auto layout = RingLayout::make(answer(STATCHAN_BUFFER_MAX), task);
    ASSERT_OK(layout);
    ASSERT_EQ(layout->data, 1U << 28);
    EXPECT_EQ(layout->offset_of(0), STATCHAN_MMAP_RING);
    EXPECT_EQ(layout->offset_of(1), (1ULL << 29) + 2 * page);
    EXPECT_EQ(layout->offset_of(8), (1ULL << 32) + 16 * page);
    EXPECT_EQ(layout->offset_of(63), (63ULL << 29) + 126 * page);
}

// The kernel says how far apart they are: it may be more than they are long.
TEST(RingLayout, OffsetsAreAsFarApartAsTheKernelSays) {
    auto wide = answer(STATCHAN_BUFFER_MAX);
    wide.ring_stride += page;
    const auto layout = RingLayout::make(wide, task);
    ASSERT_OK(layout);
    EXPECT_EQ(layout->offset_of(63), (63ULL << 29) + 189 * page);
}

TEST(Ring, ReadsInPlaceAcrossTheEnd) {
    Kernel kernel;
    kernel.consumer().pos = kernel.size - 8;
    auto ring = kernel.ring();
    kernel.producer().head = kernel.size + 16;
    kernel.data()[0] = std::byte{42};
    const auto bytes = ring.readable(task);
    ASSERT_OK(bytes);
    ASSERT_EQ(bytes->size(), 24U);
    EXPECT_EQ((*bytes)[8], std::byte{42});  // in the second mapping of the data
    ring.take(24);
    EXPECT_EQ(kernel.consumer().pos, kernel.size - 8);
    ring.give_back();
    EXPECT_EQ(kernel.consumer().pos, kernel.size + 16);
    ASSERT_OK(ring.readable(task));
    EXPECT_TRUE(ring.drained());
}

TEST(Ring, RejectsHeadsThatLie) {
    Kernel kernel;
    kernel.consumer().pos = 64;
    auto ring = kernel.ring();
    for (const std::uint64_t head :
         {std::uint64_t{0}, std::uint64_t{56}, std::uint64_t{64 + kernel.size + 8},
          std::uint64_t{65}, ~std::uint64_t{0}}) {
        kernel.producer().head = head;
        EXPECT_FAILS(ring.readable(task), errc::bad_data);
    }
}

// Where a consumer begins is in memory that others may write.
TEST(Ring, RejectsABeginningThatIsNotAligned) {
    Kernel kernel;
    kernel.consumer().pos = 4;
    kernel.producer().head = 60;
    auto ring = kernel.ring();
    EXPECT_FAILS(ring.readable(task), errc::bad_data);
}

// The consumer page can be written by all of the process; the reader trusts its own copy.
TEST(Ring, KeepsItsOwnPosition) {
    Kernel kernel;
    auto ring = kernel.ring();
    kernel.producer().head = 16;
    kernel.consumer().pos = 1 << 20;
    const auto bytes = ring.readable(task);
    ASSERT_OK(bytes);
    EXPECT_EQ(bytes->size(), 16U);
}

TEST(Ring, AnnouncedAndEnded) {
    Kernel kernel;
    auto ring = kernel.ring();
    kernel.producer().head = 16;
    EXPECT_FALSE(ring.announced());
    kernel.producer().announced = 16;
    EXPECT_TRUE(ring.announced());
    ring.take(16);
    EXPECT_FALSE(ring.announced());
    EXPECT_FALSE(ring.ended());
    kernel.producer().flags = STATCHAN_RING_EOS;
    EXPECT_TRUE(ring.ended());
}

// Producer and consumer at once: thread sanitizer sees whether the pairs of barriers do.
TEST(Ring, HandsOverBetweenThreads) {
    Kernel kernel;
    auto ring = kernel.ring();
    constexpr std::uint64_t total = 200000;
    std::thread producer{[&] {
        for (std::uint64_t n = 0; n < total;) {
            const auto pos = __atomic_load_n(&kernel.consumer().pos, __ATOMIC_ACQUIRE);
            if (n * 8 - pos >= kernel.size) continue;
            std::memcpy(kernel.data() + (n * 8 & (kernel.size - 1)), &n, sizeof n);
            __atomic_store_n(&kernel.producer().head, ++n * 8, __ATOMIC_RELEASE);
        }
    }};
    std::uint64_t expected = 0;
    while (expected < total) {
        const auto bytes = ring.readable(task);
        ASSERT_TRUE(bytes);
        for (std::size_t at = 0; at < bytes->size(); at += 8, ++expected) {
            std::uint64_t n = 0;
            std::memcpy(&n, bytes->data() + at, sizeof n);
            ASSERT_EQ(n, expected);
        }
        ring.take(bytes->size());
        ring.give_back();
    }
    producer.join();
}

// ---- mode overwrite

struct Overwritten : testing::Test {
    Kernel kernel;
    Ring ring = kernel.ring();
    std::vector<std::byte> room = std::vector<std::byte>(page);

    // The kernel has written up to @p head, and overwritten @p samples before @p tail.
    void at(std::uint64_t head, std::uint64_t tail, std::uint64_t samples) const {
        kernel.producer().head = head;
        kernel.producer().tail = tail;
        kernel.producer().evicting = kernel.producer().evicted = samples;
    }
};

TEST_F(Overwritten, CopiesWhatIsThere) {
    at(96, 0, 0);
    kernel.data()[95] = std::byte{42};
    const auto copied = ring.copy(room, task);
    ASSERT_OK(copied);
    EXPECT_EQ(copied->bytes.size(), 96U);
    EXPECT_EQ(copied->bytes[95], std::byte{42});
    EXPECT_EQ(copied->lost, 0U);
    ring.take(96, 2);
    ASSERT_OK(ring.copy(room, task));
    EXPECT_TRUE(ring.drained());
}

TEST_F(Overwritten, CountsWhatIsGone) {
    at(page + 96, 96, 2);
    auto copied = ring.copy(room, task);
    ASSERT_OK(copied);
    EXPECT_EQ(copied->bytes.size(), page);
    EXPECT_EQ(copied->lost, 2U);
    // It took three samples of 48 bytes; five are gone: two of them it had not read.
    ring.take(144, 3);
    at(2 * page, 96 + 5 * 48, 2 + 5);
    copied = ring.copy(room, task);
    ASSERT_OK(copied);
    EXPECT_EQ(copied->lost, 2U);
}

TEST_F(Overwritten, RejectsCountsThatCanNotBe) {
    at(page, 48, 2);  // two samples in the room of one
    EXPECT_FAILS(ring.copy(room, task), errc::bad_data);
    at(page, 48, 0);
    kernel.producer().evicting = 1;  // never done with it
    EXPECT_FAILS(ring.copy(room, task), errc::bad_data);
    at(page + 4, 0, 0);
    EXPECT_FAILS(ring.copy(room, task), errc::bad_data);
}

}  // namespace
