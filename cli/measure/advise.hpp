// SPDX-License-Identifier: MIT
//
// Which transport to use, from what was measured.
#pragma once

#include <results.pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace statctl::measure {

/// What somebody needs. Either snapshots or samples.
struct Need {
    std::uint64_t snapshot_bytes = 0;  ///< of counters; 0: samples are wanted
    double every_ns = 0;               ///< between snapshots
    double rate = 0;                   ///< samples per second in all
    std::uint64_t record_bytes = 0;    ///< captured bytes of a sample
    double latency_ns = 0;             ///< at most, for 99 of 100 samples; 0: any
    unsigned readers = 1;
    bool no_loss = false;
    bool no_root = false;
    std::uint64_t memory = 0;  ///< bytes that buffers may take; 0: any
};

/// One transport, judged.
struct Verdict {
    std::string transport;
    std::string excluded;                 ///< why it can not; empty: it can
    bool unmeasured = false;              ///< it might: what would tell was not measured
    double cpu_share = 0;                 ///< of one CPU, predicted
    std::optional<double> uncertainty{};  ///< of that, as a share of it; if it is known
    double time_ns = 0;   ///< of a new snapshot until it is read, or p99 of a sample's latency
    double write_ns = 0;  ///< for each sample
    double read_ns = 0;   ///< for each sample, or a snapshot that is there
    std::string explanation{};  ///< in words
};

/// Those that can first, the cheapest first of all.
[[nodiscard]] std::vector<Verdict> advise(const statchan::results::Results& results,
                                          const Need& need);

}  // namespace statctl::measure
