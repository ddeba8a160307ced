// SPDX-License-Identifier: MIT
//
// Holds records, gaps, books and counters to what a synth promises; throws Fault.
#pragma once

#include <cstdint>
#include <map>
#include <statchan/statchan.hpp>

#include "tally.hpp"

namespace soak {

/// The records of one stream.
class RecordCheck {
  public:
    /// @p rate: the channel takes 1 in so many packets; 0: all records of its source. Each record
    /// names the source's own rate.
    explicit RecordCheck(std::uint32_t rate) : rate_{rate} {}

    void take(const statchan::Batch& batch);
    /// At the end of the stream: the ledger closes and says what was seen here. Adds it up.
    void close(const statchan::Ledger& ledger, Tally& tally) const;

  private:
    struct Cpu {
        bool begun = false;
        std::uint64_t next = 0;    // seq that may come
        std::uint64_t told = 0;    // lost since the last sample
        bool exact = true;         // told counts case by case, since the last sample
        bool always_exact = true;  // and so it was all the time
        std::uint64_t received = 0;
        std::uint64_t lost = 0;
    };
    void take(const statchan::Sample& sample);
    void take(const statchan::Gap& gap);
    void close(const statchan::StreamLedgerEntry& entry, Tally& tally) const;

    std::uint32_t rate_;
    std::map<unsigned, Cpu> cpus_;
    std::uint64_t bytes_ = 0;
};

/// Every counter is the documented function of generation and index.
void check_counters(const statchan::SnapshotView& snapshot);

}  // namespace soak
