// SPDX-License-Identifier: MIT
//
// Reads a stream of a synth and holds it to its word: every byte, every number, every gap.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <statchan/statchan.hpp>
#include <utility>
#include <vector>

#include "synth.hpp"
#include "wait.hpp"

namespace lab {

/// What of a record matters for comparing it with the same record elsewhere.
struct Seen {
    std::uint64_t digest;
    statchan::Time time;
};

/// A reader that checks while it reads:
/// - the payload is the documented function of (cpu, seq);
/// - seq increases, and whatever is missing was told by gaps just before, exactly.
class Reader {
  public:
    /// @p step: the channel takes every so manieth record of the source.
    explicit Reader(statchan::Stream& stream, std::uint64_t step = 1)
        : stream_{stream}, step_{step} {}

    /// Reads until @p enough, the deadline or the end of the stream; whether enough came.
    bool until(const std::function<bool()>& enough, Clock::duration within = patience);
    /// Reads until so many records came or were told lost.
    bool records(std::uint64_t wanted, Clock::duration within = patience) {
        return until([&] { return accounted() >= wanted; }, within);
    }
    /// Reads what is there, until there is nothing at the moment.
    void drain() {
        while (once(std::chrono::nanoseconds{0})) {
        }
    }
    /// Reads to the end of the stream; whether it came.
    bool to_the_end(Clock::duration within = patience);
    /// Takes one batch, waiting at most so long; whether there was anything in it.
    bool once(std::chrono::nanoseconds timeout);
    /// The same where an error is no failure of the test.
    statchan::Result<bool> try_once(std::chrono::nanoseconds timeout);

    /// Numbers must start here on each CPU. Unknown: the first record tells.
    void expect_from(std::uint64_t seq) { from_ = seq; }
    /// More than one context feeds a CPU's part: the last record lost may be older than the first.
    void times_may_go_back() { in_time_ = false; }
    /// Keep digests of all records.
    void keep() { keep_ = true; }

    /// Sequence numbers gone by: received or told lost.
    [[nodiscard]] std::uint64_t accounted() const;
    [[nodiscard]] std::uint64_t accounted(unsigned cpu) const;
    [[nodiscard]] std::uint64_t received() const;
    [[nodiscard]] std::uint64_t received(unsigned cpu) const;
    /// Sum of the counts of the gaps.
    [[nodiscard]] std::uint64_t lost() const;
    [[nodiscard]] std::uint64_t lost(unsigned cpu) const;
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] const std::vector<statchan::Gap>& gaps() const noexcept { return gaps_; }
    [[nodiscard]] const std::map<std::pair<unsigned, std::uint64_t>, Seen>& seen() const noexcept {
        return seen_;
    }
    /// Records of the largest batch.
    [[nodiscard]] std::size_t largest_batch() const noexcept { return largest_batch_; }
    [[nodiscard]] const std::optional<statchan::Error>& error() const noexcept { return error_; }

  private:
    struct Cpu {
        std::uint64_t received = 0;
        std::uint64_t lost = 0;
        std::optional<std::uint64_t> first;  // number
        std::uint64_t next = 0;              // after the last sample
        std::uint64_t told = 0;              // lost since then
        std::uint64_t told_until = 0;        // one step after the last of them
    };
    Cpu& cpu(unsigned number, std::uint64_t seq);
    [[nodiscard]] static std::uint64_t end_of(const Cpu& cpu);
    void take(const statchan::Sample& sample);
    void take(const statchan::Gap& gap);

    statchan::Stream& stream_;
    std::uint64_t step_;
    std::optional<std::uint64_t> from_;
    bool keep_ = false;
    bool in_time_ = true;
    bool ended_ = false;
    std::size_t largest_batch_ = 0;
    std::map<unsigned, Cpu> cpus_;
    std::vector<statchan::Gap> gaps_;
    std::map<std::pair<unsigned, std::uint64_t>, Seen> seen_;
    std::optional<statchan::Error> error_;
};

/// Brings stream and source to rest: reads all there is, and has the source emit one more record
/// per CPU until every loss has been told; a loss is told with the next record of that CPU, and a
/// socket may have lost that one, too. Whether all numbers are accounted for.
bool settle(Reader& reader, Synth& synth);

/// The equation of design section 1, on each CPU, at rest: the stream has been read to the last
/// record, and nothing is being emitted.
void expect_books_close(const statchan::Stream& stream);

}  // namespace lab
