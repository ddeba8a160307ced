// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <atomic>
#include <statchan/snapshot.hpp>
#include <thread>

#include "live_backend.hpp"
#include "support/image_bytes.hpp"
#include "support/ok.hpp"
#include "support/schema_blob.hpp"

namespace {

using statchan::errc;
using statchan::LiveSnapshot;
using statchan::Schema;
using statchan::SnapshotView;
using statchan::detail::LiveBackend;
using test::ImageBytes;
using test::SchemaBlob;

// The kernel's side of a live snapshot in plain memory.
class Kernel {
  public:
    Kernel() : schema{*Schema::parse(SchemaBlob::ports().bytes())}, words(192) {
        auto& c = control();
        c.magic = STATCHAN_LIVE_MAGIC;
        c.period_ns = 1000000;
        c.image_len = image_words * 8;
        c.image_offset[0] = 512;
        c.image_offset[1] = 1024;
    }

    [[nodiscard]] statchan_live& control() {
        return *reinterpret_cast<statchan_live*>(words.data());
    }

    // As live_publish() in the kernel: all counters of image n are n.
    void publish() {
        auto& c = control();
        const auto next = c.seq + 1;
        __atomic_store_n(&c.writing, next, __ATOMIC_SEQ_CST);
        ImageBytes image{schema->hash(), 14};
        image.head.generation = next;
        for (auto& counter : image.counters) counter = next;
        const auto from = image.words();
        auto* to = words.data() + c.image_offset[next & 1] / 8;
        for (std::size_t i = 0; i < from.size(); ++i)
            __atomic_store_n(to + i, from[i], __ATOMIC_RELAXED);
        __atomic_store_n(&c.seq, next, __ATOMIC_RELEASE);
    }

    [[nodiscard]] auto make() {
        return LiveBackend::make(std::as_bytes(std::span{words}), nullptr, schema, "sw0");
    }
    [[nodiscard]] LiveSnapshot live() { return LiveSnapshot{std::move(*make())}; }

    static constexpr std::size_t image_words = 8 + 14;
    std::shared_ptr<const Schema> schema;
    std::vector<std::uint64_t> words;
};

TEST(Live, ReadsTheNewestImage) {
    Kernel kernel;
    auto live = kernel.live();
    EXPECT_FAILS(live.copy(), std::make_error_code(std::errc::resource_unavailable_try_again));
    kernel.publish();
    kernel.publish();
    const auto copy = live.copy();
    ASSERT_OK(copy);
    EXPECT_EQ(copy->generation(), 2U);
    EXPECT_EQ(*copy->at("port", 1, "rx_bytes"), 2U);
    EXPECT_EQ(live.period(), std::chrono::milliseconds{1});
}

TEST(Live, ReadsAgainWhatWasTorn) {
    Kernel kernel;
    kernel.publish();
    auto live = kernel.live();
    int calls = 0;
    std::uint64_t value = 0;
    const auto read = live.read([&](const SnapshotView& view) {
        // Two refreshes while the first read is under way: the second overwrites its image.
        if (++calls == 1) {
            kernel.publish();
            kernel.publish();
        }
        value = view.counters()[13];
    });
    ASSERT_OK(read);
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(read->retries, 1U);
    EXPECT_EQ(read->seq, 3U);
    EXPECT_EQ(value, 3U);
    EXPECT_EQ(live.torn(), 1U);
}

TEST(Live, OneRefreshIsNoTear) {
    Kernel kernel;
    kernel.publish();
    auto live = kernel.live();
    const auto read = live.read([&](const SnapshotView&) { kernel.publish(); });
    ASSERT_OK(read);
    EXPECT_EQ(read->retries, 0U);
    EXPECT_EQ(read->seq, 1U);
}

TEST(Live, GivesUpIfTornForEver) {
    Kernel kernel;
    kernel.publish();
    auto live = kernel.live();
    const auto read = live.read([&](const SnapshotView&) {
        kernel.publish();
        kernel.publish();
    });
    EXPECT_FAILS(read, errc::torn);
    EXPECT_EQ(live.torn(), LiveSnapshot::max_attempts);
}

TEST(Live, HeadThatMakesNoSenseIsAnErrorIfNobodyWrites) {
    Kernel kernel;
    kernel.publish();
    auto live = kernel.live();
    reinterpret_cast<statchan_snapshot*>(kernel.words.data() + 128)->n_counters = ~0ULL;
    EXPECT_FAILS(live.copy(), errc::bad_data);
}

TEST(Live, EndsWithItsSource) {
    Kernel kernel;
    kernel.publish();
    auto live = kernel.live();
    kernel.control().flags = STATCHAN_LIVE_EOS;
    EXPECT_FAILS(live.copy(), errc::end_of_stream);
}

TEST(Live, RejectsImagesOutsideTheMapping) {
    const auto bad = [](auto change) {
        Kernel kernel;
        change(kernel.control());
        EXPECT_FAILS(kernel.make(), errc::bad_data);
    };
    bad([](auto& c) { c.magic = 0; });
    bad([](auto& c) { c.image_len = 4096; });
    bad([](auto& c) { c.image_len = ~0ULL; });
    bad([](auto& c) { c.image_offset[0] = 1 << 20; });
    bad([](auto& c) { c.image_offset[1] = ~0ULL - 7; });
    bad([](auto& c) { c.image_offset[1] = 1025; });
}

// What read() returns as good is of one image, however fast the writer is.
TEST(Live, NeverMixesImages) {
    Kernel kernel;
    kernel.publish();
    auto live = kernel.live();
    std::atomic<bool> stop{false};
    std::thread writer{[&] {
        while (!stop) kernel.publish();
    }};
    for (int i = 0; i < 2000; ++i) {
        std::array<std::uint64_t, 14> seen{};
        const auto read = live.read([&](const SnapshotView& view) {
            for (std::size_t k = 0; k < seen.size(); ++k)
                seen[k] = __atomic_load_n(&view.counters()[k], __ATOMIC_RELAXED);
        });
        if (!read) continue;
        for (const auto value : seen) ASSERT_EQ(value, read->seq);
    }
    stop = true;
    writer.join();
}

}  // namespace
