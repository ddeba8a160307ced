// SPDX-License-Identifier: MIT
//
// What the points of a run show, in words. Whoever is within the noise of the best is its equal; a
// point that does not add up counts for nothing.
#pragma once

#include <results.pb.h>

#include <string>
#include <vector>

namespace statctl::measure {

/// One question, and what the points say to it.
struct Finding {
    std::string chart;              ///< that shows it: report.js knows it by this name
    std::string topic;              ///< "small records"; empty: an overview
    std::vector<std::string> best;  ///< several: they are equal
    std::string text;               ///< whole sentences
    bool race = true;               ///< there was somebody to win against
};

/// All of one workload: "snapshot", "samples", "latency", "control", "events".
struct Paragraph {
    std::string workload;
    std::vector<Finding> findings;  ///< none: it was not measured
    std::string noise;              ///< a sentence: what counts as equal

    [[nodiscard]] std::string text() const;
};

/// A paragraph for each workload, also for those that were not measured.
[[nodiscard]] std::vector<Paragraph> conclude(const statchan::results::Results& results);

/// What a reader must know before believing any figure of the run: faults first.
[[nodiscard]] std::vector<std::string> caveats(const statchan::results::Results& results);

}  // namespace statctl::measure
