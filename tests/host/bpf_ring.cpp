// SPDX-License-Identifier: MIT
#include "bpf_ring.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <vector>

#include "support/records.hpp"

namespace {

using statchan::Chunk;
using statchan::detail::BpfRing;
using test::Records;

constexpr std::size_t page = 4096;

// The kernel's side: two pages and the data, which no test writes beyond their end.
struct Kernel {
    std::vector<std::uint64_t> consumer = std::vector<std::uint64_t>(page / 8);
    std::vector<std::uint64_t> producer = std::vector<std::uint64_t>(3 * page / 8);

    [[nodiscard]] BpfRing ring() {
        return {page, page, 0, reinterpret_cast<std::byte*>(consumer.data()),
                reinterpret_cast<const std::byte*>(producer.data())};
    }
    /// A slot of this length with these bytes, and the producer's position behind it.
    void submit(std::uint32_t slot, std::span<const std::byte> bytes) {
        auto* const at = reinterpret_cast<std::byte*>(producer.data()) + page + producer[0];
        std::memcpy(at, &slot, sizeof slot);
        if (!bytes.empty()) std::memcpy(at + BPF_RINGBUF_HDR_SZ, bytes.data(), bytes.size());
        const auto length = slot & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
        producer[0] += BPF_RINGBUF_HDR_SZ + (length + 7) / 8 * 8;
    }
};

TEST(BpfRing, GoesFromRecordToRecordUpToTheEnd) {
    Kernel kernel;
    Records one, two;
    kernel.submit(64, one.sample(0, 0).bytes());  // longer than its record
    kernel.submit(56 | BPF_RINGBUF_DISCARD_BIT, {});
    kernel.submit(56, two.sample(0, 1).bytes());
    kernel.submit(STATCHAN_BPF_END, {});
    auto ring = kernel.ring();
    ASSERT_TRUE(ring.look());
    Chunk record;
    for (std::uint64_t seq = 0; seq < 2; ++seq) {
        ASSERT_EQ(ring.next(record), BpfRing::Found::record);
        EXPECT_EQ(record.size(), 56U);
        EXPECT_EQ(statchan::wire::load<std::uint64_t>(record.data(), 8), seq);
    }
    EXPECT_FALSE(ring.ended());
    EXPECT_EQ(ring.next(record), BpfRing::Found::nothing);
    EXPECT_TRUE(ring.ended());
    ring.give_back();
    EXPECT_EQ(kernel.consumer[0], kernel.producer[0]);
}

TEST(BpfRing, WaitsForARecordThatIsBeingWritten) {
    Kernel kernel;
    Records record;
    kernel.submit(56 | BPF_RINGBUF_BUSY_BIT, record.sample(0, 0).bytes());
    auto ring = kernel.ring();
    Chunk found;
    ASSERT_TRUE(ring.look());
    EXPECT_EQ(ring.next(found), BpfRing::Found::nothing);
    EXPECT_FALSE(ring.ended());
}

TEST(BpfRing, RejectsARecordWithoutAHead) {
    for (const std::uint32_t len : {0U, 1U, 8U}) {
        Kernel kernel;
        Records record;
        kernel.submit(56, record.raw(len, 1, 0, 56).bytes());
        auto ring = kernel.ring();
        Chunk found;
        ASSERT_TRUE(ring.look());
        EXPECT_EQ(ring.next(found), BpfRing::Found::bad);
    }
}

TEST(BpfRing, RejectsPositionsThatLie) {
    for (const auto& [consumer, producer] :
         {std::pair{0U, 4U}, std::pair{4U, 60U}, std::pair{0U, 4104U}, std::pair{8U, 0U}}) {
        Kernel kernel;
        kernel.consumer[0] = consumer;
        kernel.producer[0] = producer;
        auto ring = kernel.ring();
        EXPECT_FALSE(ring.look()) << consumer << " " << producer;
    }
}

TEST(BpfRing, RejectsASlotBeyondThePosition) {
    Kernel kernel;
    kernel.submit(128, {});
    kernel.producer[0] = 64;
    auto ring = kernel.ring();
    Chunk found;
    ASSERT_TRUE(ring.look());
    EXPECT_EQ(ring.next(found), BpfRing::Found::bad);
}

}  // namespace
