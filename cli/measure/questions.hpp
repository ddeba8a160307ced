// SPDX-License-Identifier: MIT
//
// One question after another is put to the points of a load, and answered in a sentence.
#pragma once

#include <string>
#include <vector>

#include "measure/ranking.hpp"
#include "measure/verdict.hpp"
#include "measure/words.hpp"

namespace statctl::measure {

using Format = std::string (*)(double);

struct Question {
    std::string chart;  ///< as in Finding
    std::string topic;
    std::string text;  ///< begins the sentence: "Shortest p99 at 1 MiB"
    Value value;
    Format format = time_words;
    bool less_is_better = true;
};

/// Points of one load, and what it is called.
struct Group {
    std::string name;
    Points points;
};

/// Adds the answer for one load, if there is any.
void judge(std::vector<Finding>& findings, const Question& question, const Points& points);
/// Adds who is best at which of several loads, in their order.
void overview(std::vector<Finding>& findings, const Question& question,
              const std::vector<Group>& groups);

/// Smallest first.
[[nodiscard]] std::vector<Group> by_bytes(const Points& points);

}  // namespace statctl::measure
