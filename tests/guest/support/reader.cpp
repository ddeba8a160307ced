// SPDX-License-Identifier: MIT
#include "reader.hpp"

#include <gtest/gtest.h>
#include <linux/statchan_synth.h>

#include <algorithm>

#include "transport.hpp"

namespace lab {

using statchan::LostReason;

Reader::Cpu& Reader::cpu(unsigned number, std::uint64_t seq) {
    auto& entry = cpus_[number];
    if (!entry.first) {
        entry.first = from_.value_or(seq);
        entry.next = entry.told_until = *entry.first;
    }
    return entry;
}

void Reader::take(const statchan::Sample& sample) {
    auto& c = cpu(sample.cpu(), sample.seq());
    const auto payload = sample.payload();
    const auto size = static_cast<std::uint32_t>(payload.size());
    EXPECT_EQ(statchan_synth_check(payload.data(), size, sample.cpu(), sample.seq()), size)
        << "first wrong byte of cpu " << sample.cpu() << " seq " << sample.seq();
    EXPECT_GE(sample.seq(), c.next) << "cpu " << sample.cpu() << ": out of order";
    EXPECT_EQ(c.told, (sample.seq() - c.next) / step_)
        << "cpu " << sample.cpu() << ": lost between seq " << c.next << " and " << sample.seq()
        << ", and told by gaps";
    if (c.told != 0) {
        EXPECT_EQ(c.told_until, sample.seq()) << "cpu " << sample.cpu() << ": where gaps end";
    }
    c.next = sample.seq() + step_;
    c.told = 0;
    ++c.received;
    if (keep_)
        seen_[{sample.cpu(), sample.seq()}] = {statchan::digest(sample.bytes()), sample.time()};
}

void Reader::take(const statchan::Gap& gap) {
    auto& c = cpu(gap.cpu, gap.first_seq);
    SCOPED_TRACE(to_string(gap));
    EXPECT_GE(gap.first_seq, c.next);
    EXPECT_GE(gap.last_seq, gap.first_seq);
    if (in_time_) {
        EXPECT_GE(gap.last_time, gap.first_time);
    }
    EXPECT_GE(gap.count, 1U);
    EXPECT_LE(gap.count, (gap.last_seq - gap.first_seq) / step_ + 1);
    c.told += gap.count;
    c.told_until = std::max(c.told_until, (gap.last_seq / step_ + 1) * step_);
    c.lost += gap.count;
    gaps_.push_back(gap);
}

std::uint64_t Reader::end_of(const Cpu& cpu) {
    return cpu.told == 0 ? cpu.next : std::max(cpu.next, cpu.told_until);
}

statchan::Result<bool> Reader::try_once(std::chrono::nanoseconds timeout) {
    const auto batch = stream_.next(timeout);
    if (!batch) return tl::make_unexpected(batch.error());
    std::size_t records = 0;
    for (const auto& item : *batch) {
        if (const auto sample = item.sample()) {
            take(*sample);
            ++records;
        } else if (const auto gap = item.gap()) {
            take(*gap);
        }
    }
    EXPECT_EQ(records, batch->sample_count());
    largest_batch_ = std::max(largest_batch_, records);
    const bool came = !batch->empty();
    stream_.release();
    return came;
}

bool Reader::once(std::chrono::nanoseconds timeout) {
    const auto came = try_once(timeout);
    if (came) return *came;
    error_ = came.error();
    ended_ = came.error() == statchan::errc::end_of_stream;
    EXPECT_TRUE(ended_) << came.error().message();
    return false;
}

bool Reader::until(const std::function<bool()>& enough, Clock::duration within) {
    const auto deadline = Clock::now() + within;
    while (!enough()) {
        if (error_ || Clock::now() >= deadline) return false;
        // A reader that finds a thousand faults need not tell them all.
        if (testing::Test::HasFatalFailure() || testing::Test::HasNonfatalFailure()) return false;
        once(20ms);
    }
    return true;
}

bool Reader::to_the_end(Clock::duration within) {
    return until([&] { return ended_; }, within);
}

std::uint64_t Reader::accounted(unsigned number) const {
    const auto it = cpus_.find(number);
    return it == cpus_.end() ? 0 : (end_of(it->second) - *it->second.first) / step_;
}

std::uint64_t Reader::accounted() const {
    std::uint64_t sum = 0;
    for (const auto& [number, entry] : cpus_) sum += accounted(number);
    return sum;
}

std::uint64_t Reader::received() const {
    std::uint64_t sum = 0;
    for (const auto& [number, entry] : cpus_) sum += entry.received;
    return sum;
}

std::uint64_t Reader::lost() const {
    std::uint64_t sum = 0;
    for (const auto& [number, entry] : cpus_) sum += entry.lost;
    return sum;
}

std::uint64_t Reader::received(unsigned number) const {
    const auto it = cpus_.find(number);
    return it == cpus_.end() ? 0 : it->second.received;
}

std::uint64_t Reader::lost(unsigned number) const {
    const auto it = cpus_.find(number);
    return it == cpus_.end() ? 0 : it->second.lost;
}

bool settle(Reader& reader, Synth& synth) {
    const auto deadline = Clock::now() + patience;
    for (Clock::duration wait = 500ms; Clock::now() < deadline; wait *= 2) {
        reader.drain();
        synth.emit(1);
        if (reader.records(synth.info().emitted, wait)) return true;
    }
    ADD_FAILURE() << "of " << synth.info().emitted << " records " << reader.received()
                  << " came and " << reader.lost() << " were told lost";
    return false;
}

void expect_books_close(const statchan::Stream& stream) {
    const auto ledger = stream.ledger();
    ASSERT_OK(ledger);
    for (const auto& entry : ledger->cpus) {
        SCOPED_TRACE("cpu " + std::to_string(entry.cpu));
        EXPECT_TRUE(entry.adds_up())
            << "produced " << entry.produced.value_or(~0ULL) << ", accepted "
            << entry.accepted.value_or(~0ULL) << ", filtered " << entry.filtered.value_or(~0ULL)
            << ", lost " << entry.lost_total();
        const auto on_the_way =
            entry.gap_records[static_cast<std::size_t>(LostReason::socket_overrun)] +
            entry.gap_records[static_cast<std::size_t>(LostReason::overwritten)];
        ASSERT_TRUE(entry.accepted);
        EXPECT_EQ(*entry.accepted - entry.accepted_before, entry.received + on_the_way)
            << "accepted is not received and lost on the way";
        EXPECT_EQ(entry.in_flight(), std::uint64_t{0});
        EXPECT_EQ(entry.gaps_unexplained, 0U);
        EXPECT_EQ(entry.out_of_order, 0U);
        EXPECT_TRUE(entry.closes());
    }
    EXPECT_TRUE(ledger->closes());
}

}  // namespace lab
