// SPDX-License-Identifier: MIT
#include "measure/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace statctl::measure {

std::uint64_t Histogram::quantile(double q) const noexcept {
    if (total_ == 0) return 0;
    const auto wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(
               std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total_))));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= wanted) return upper(i);
    }
    return upper(counts_.size() - 1);
}

void Histogram::add(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
}

statchan::results::Histogram Histogram::message() const {
    statchan::results::Histogram m;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        if (counts_[i] == 0) continue;
        m.add_upper_ns(upper(i));
        m.add_count(counts_[i]);
    }
    return m;
}

Histogram Histogram::from(const statchan::results::Histogram& message) {
    Histogram h;
    const int n = std::min(message.upper_ns_size(), message.count_size());
    for (int i = 0; i < n; ++i) {
        h.counts_[index(message.upper_ns(i))] += message.count(i);
        h.total_ += message.count(i);
    }
    return h;
}

}  // namespace statctl::measure
