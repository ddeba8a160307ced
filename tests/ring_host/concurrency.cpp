// SPDX-License-Identifier: MIT
//
// The kernel's emit path, two CPUs with interrupts and a timer, against the library's reader
// of mapped rings and the kernel's own reader. Thread sanitizer looks on.
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "kernel_side.h"
#include "ring.hpp"

namespace {

using statchan::detail::Ring;
using statchan::detail::RingLayout;

constexpr statchan::detail::Task task{"test"};
constexpr int lost_wakeup_ms = 20'000;

// By each CPU, at least: until so many interrupts came, too.
constexpr std::uint32_t emits = EMITS;
constexpr std::uint64_t interrupts_each = 51;

// What came from one CPU. Each record must be the next one, or follow a loss that fits exactly.
class Books {
  public:
    Books(std::uint32_t cpu, std::uint64_t start) : cpu_{cpu}, next_{start} {}

    // Mode overwrite: so many records were overwritten before the next one.
    void overwritten(std::uint64_t n) {
        next_ += n;
        overwritten_ += n;
    }

    // Whole records; the last may be cut. Returns their bytes, and counts the samples.
    std::size_t take(std::span<const std::byte> bytes, std::size_t& samples) {
        std::size_t at = 0;
        while (bytes.size() - at >= sizeof(statchan_record)) {
            statchan_record head{};
            std::memcpy(&head, bytes.data() + at, sizeof head);
            const auto room = (std::size_t{head.len} + 7) / 8 * 8;
            if (head.len < sizeof head || room > bytes.size() - at) break;
            if (head.type == STATCHAN_RECORD_LOST) {
                told(bytes.subspan(at));
            } else {
                sample(head, bytes.subspan(at, room));
                ++samples;
            }
            at += room;
        }
        return at;
    }

    void check(const statchan_ledger& ledger) const {
        EXPECT_EQ(ledger.produced, ledger.next_seq - ledger.first_seq);
        EXPECT_EQ(ledger.next_seq, next_);
        EXPECT_EQ(ledger.accepted, received_ + overwritten_);
        EXPECT_EQ(ledger.lost[STATCHAN_LOST_RING_FULL], told_);
        EXPECT_EQ(ledger.produced, ledger.accepted + told_);
    }

    [[nodiscard]] std::uint64_t lost() const { return told_ + overwritten_; }
    [[nodiscard]] std::uint64_t received() const { return received_; }

  private:
    void sample(const statchan_record& head, std::span<const std::byte> bytes) {
        ASSERT_EQ(head.type, STATCHAN_RECORD_SAMPLE);
        ASSERT_EQ(head.cpu, cpu_);
        ASSERT_EQ(head.seq, next_);
        expected_.assign(bytes.size() - sizeof head, std::byte{0});
        const auto len = static_cast<std::uint32_t>(head.len - sizeof head);
        kernel_payload(expected_.data(), len, cpu_, head.seq);
        ASSERT_TRUE(std::ranges::equal(bytes.subspan(sizeof head), expected_))
            << "record " << head.seq;
        ++next_;
        ++received_;
    }

    void told(std::span<const std::byte> bytes) {
        statchan_lost lost{};
        std::memcpy(&lost, bytes.data(), sizeof lost);
        ASSERT_EQ(lost.cpu, cpu_);
        ASSERT_EQ(lost.reason, STATCHAN_LOST_RING_FULL);
        ASSERT_EQ(lost.first_seq, next_);
        ASSERT_EQ(lost.last_seq - lost.first_seq + 1, lost.count);
        next_ += lost.count;
        told_ += lost.count;
    }

    std::uint32_t cpu_;
    std::uint64_t next_;
    std::uint64_t received_ = 0, told_ = 0, overwritten_ = 0;
    std::vector<std::byte> expected_;
};

struct RingHost : testing::TestWithParam<unsigned long long> {
    void open(bool overwrite, bool reader = false) {
        const kernel_config config{overwrite, reader, 8192, 4, GetParam()};
        kernel = kernel_open(&config);
        for (std::uint32_t cpu = 0; cpu < KERNEL_CPUS; ++cpu) books.emplace_back(cpu, GetParam());
    }

    void TearDown() override {
        if (kernel != nullptr) kernel_close(kernel);
    }

    // Two CPUs emit; interrupts come at any time and, wanted in the middle of a record, right
    // after it. The timeout runs out all the time. The end of stream comes last.
    void produce() {
        std::array<std::atomic<bool>, KERNEL_CPUS> done{};
        std::vector<std::thread> cpus;
        for (std::uint32_t cpu = 0; cpu < KERNEL_CPUS; ++cpu) {
            cpus.emplace_back([&, cpu] {
                kernel_be_cpu(cpu, kernel);
                kernel_interrupt_in_record(16);
                for (std::uint32_t i = 0; i < emits || kernel_interrupts() < interrupts_each; ++i) {
                    kernel_emit(kernel, i * 7 % 300);
                    if (i % 64 == 0) std::this_thread::yield();
                }
                done[cpu] = true;
                while (!stopped) ::usleep(100);
            });
        }
        while (!done[0] || !done[1]) {
            for (std::uint32_t cpu = 0; cpu < KERNEL_CPUS; ++cpu) {
                if (!done[cpu]) ::pthread_kill(cpus[cpu].native_handle(), SIGUSR1);
                kernel_timer(kernel, cpu);
                statchan_ledger any{};  // who asks for a ledger meanwhile must get one that adds up
                kernel_ledger(kernel, cpu, &any);
                EXPECT_EQ(any.produced, any.accepted + any.lost[STATCHAN_LOST_RING_FULL]);
            }
            ::usleep(20);
        }
        stopped = true;
        for (auto& cpu : cpus) cpu.join();
        kernel_stop(kernel);
    }

    void check() const {
        for (std::uint32_t cpu = 0; cpu < KERNEL_CPUS; ++cpu) {
            statchan_ledger ledger{};
            kernel_ledger(kernel, cpu, &ledger);
            books[cpu].check(ledger);
            EXPECT_GT(ledger.produced, emits);
            EXPECT_GT(books[cpu].received(), 0U);
            RecordProperty("lost_" + std::to_string(cpu), std::to_string(books[cpu].lost()));
        }
    }

    [[nodiscard]] std::vector<Ring> rings() const {
        const RingLayout layout{4096, 8192};
        std::vector<Ring> all;
        for (std::uint32_t cpu = 0; cpu < KERNEL_CPUS; ++cpu) {
            auto* memory = static_cast<std::byte*>(kernel_memory(kernel, cpu));
            all.emplace_back(layout, cpu, memory, memory + layout.page);
        }
        return all;
    }

    struct kernel* kernel = nullptr;
    std::vector<Books> books;
    std::atomic<bool> stopped{false};
};

TEST_P(RingHost, MappedReaderGetsEachRecordOrIsToldOfIt) {
    open(false);
    std::thread producer{[&] { produce(); }};
    auto all = rings();
    std::size_t drained = 0, samples = 0;
    for (int round = 0; drained < all.size() && !HasFatalFailure(); ++round) {
        drained = 0;
        std::size_t got = 0;
        for (auto& ring : all) {
            const bool ended = ring.ended();
            const auto bytes = ring.readable(task);
            if (!bytes) {
                ADD_FAILURE() << bytes.error().message();
                drained = all.size();
                break;
            }
            const auto taken = books[ring.cpu()].take(*bytes, samples);
            EXPECT_EQ(taken, bytes->size());
            ring.take(taken);
            ring.give_back();
            got += taken;
            if (ended && ring.drained()) ++drained;
        }
        if (round % 256 == 0) ::usleep(500);  // the rings become full
        if (got == 0 && drained < all.size()) {
            EXPECT_TRUE(kernel_poll(kernel, lost_wakeup_ms)) << "a wakeup was lost";
        }
    }
    producer.join();
    check();
}

TEST_P(RingHost, MappedReaderCountsWhatIsOverwritten) {
    open(true);
    std::thread producer{[&] { produce(); }};
    auto all = rings();
    std::vector<std::byte> room(4096);
    for (std::size_t drained = 0; drained < all.size() && !HasFatalFailure();) {
        drained = 0;
        for (auto& ring : all) {
            const bool ended = ring.ended();
            auto copied = ring.copy(room, task);
            if (!copied) {
                ADD_FAILURE() << copied.error().message();
                drained = all.size();
                break;
            }
            books[ring.cpu()].overwritten(copied->lost);
            std::size_t samples = 0;
            const auto taken = books[ring.cpu()].take(copied->bytes, samples);
            ring.take(taken, samples);
            ring.give_back();
            if (ended && ring.drained()) ++drained;
        }
    }
    producer.join();
    check();
}

TEST_P(RingHost, KernelsReaderGetsEachRecordOrIsToldOfIt) {
    open(false, true);
    std::thread producer{[&] { produce(); }};
    std::vector<std::byte> room(16384);
    bool ended = false;
    for (int round = 0; !ended && !HasFatalFailure(); ++round) {
        std::size_t len = 0, samples = 0;
        // Now and then the answer does not reach the program: then all of it comes again.
        const bool told = round % 5 != 4;
        EXPECT_EQ(kernel_read(kernel, room.data(), room.size(), told, &len, &ended), 0);
        if (!told) {
            ended = false;
            continue;
        }
        // The CPUs take turns: each run of one CPU's records is for its own books.
        for (std::size_t at = 0; at < len;) {
            std::size_t to = at;
            statchan_record head{};
            std::memcpy(&head, room.data() + at, sizeof head);
            const auto cpu = head.cpu;
            while (to < len) {
                std::memcpy(&head, room.data() + to, sizeof head);
                if (head.cpu != cpu) break;
                to += (std::size_t{head.len} + 7) / 8 * 8;
            }
            EXPECT_EQ(books[cpu].take(std::span{room}.subspan(at, to - at), samples), to - at);
            at = to;
        }
        if (round % 256 == 0) ::usleep(500);
        if (len == 0 && !ended) {
            EXPECT_TRUE(kernel_poll(kernel, lost_wakeup_ms)) << "a wakeup was lost";
        }
    }
    producer.join();
    check();
}

std::string start_name(const testing::TestParamInfo<unsigned long long>& info) {
    return info.index == 0 ? "Zero" : info.index == 1 ? "Below32Bits" : "Below64Bits";
}

INSTANTIATE_TEST_SUITE_P(Start, RingHost, testing::Values(0ULL, (1ULL << 32) - 8000, 0 - 8000ULL),
                         start_name);

void emit_with_interrupt_in_the_middle() {
    const kernel_config config{false, false, 8192, 4, 0};
    auto* kernel = kernel_open(&config);
    kernel_be_cpu(0, kernel);
    kernel_irqs_obey(false);
    kernel_interrupt_in_record(1);
    kernel_emit(kernel, 100);
}

// What the rule is for: an interrupt in the middle of a record finds its own CPU's lock taken.
TEST(RingHostDeathTest, InterruptInTheMiddleOfARecordIsNoticed) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(emit_with_interrupt_in_the_middle(), "waits for a lock of its own CPU");
}

// What a source emits in an NMI, which nothing keeps away, is dropped before it takes a lock or a
// number, also where no lock is held: a warning, and no trace in the ring or the books.
TEST(RingHostNmi, WhatItEmitsIsDropped) {
    constexpr std::uint32_t records = 10, len = 100;
    static_assert(len < KERNEL_NMI_LEN);
    const kernel_config config{false, false, 8192, 4, 0};
    auto* kernel = kernel_open(&config);
    kernel_count_warnings(true);
    std::thread{[&] {
        kernel_be_cpu(0, kernel);
        kernel_nmi_in_record(true);
        for (std::uint32_t i = 0; i < records; ++i) kernel_emit(kernel, len);
        kernel_nmi();
        EXPECT_EQ(kernel_nmis(), records + 1U) << "one did not come back";
    }}.join();
    EXPECT_EQ(kernel_warnings(), records + 1U);
    kernel_count_warnings(false);

    const RingLayout layout{4096, 8192};
    auto* memory = static_cast<std::byte*>(kernel_memory(kernel, 0));
    Ring ring{layout, 0, memory, memory + layout.page};
    const auto bytes = ring.readable(task);
    ASSERT_TRUE(bytes);
    Books books{0, 0};
    std::size_t samples = 0;
    EXPECT_EQ(books.take(*bytes, samples), bytes->size());
    EXPECT_EQ(samples, records);
    const std::span behind{bytes->data() + bytes->size(), layout.data - bytes->size()};
    EXPECT_TRUE(std::ranges::all_of(behind, [](std::byte b) { return b == std::byte{0}; }));

    statchan_ledger ledger{};
    kernel_ledger(kernel, 0, &ledger);
    books.check(ledger);
    EXPECT_EQ(ledger.first_seq, 0U);
    EXPECT_EQ(ledger.produced, records);
    EXPECT_EQ(ledger.accepted, records);
    EXPECT_EQ(ledger.filtered, 0U);
    EXPECT_EQ(ledger.bytes, bytes->size());
    for (const auto lost : ledger.lost) EXPECT_EQ(lost, 0U) << "counted, and never had a number";
    kernel_close(kernel);
}

void emit_in_an_nmi_that_nobody_knows_of() {
    const kernel_config config{false, false, 8192, 4, 0};
    auto* kernel = kernel_open(&config);
    kernel_be_cpu(0, kernel);
    kernel_nmis_known(false);
    kernel_nmi_in_record(true);
    kernel_emit(kernel, 100);
}

// And what it would do if it were not dropped.
TEST(RingHostDeathTest, NmiInTheMiddleOfARecordIsNoticed) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(emit_in_an_nmi_that_nobody_knows_of(), "waits for a lock of its own CPU");
}

}  // namespace
