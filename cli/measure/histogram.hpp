// SPDX-License-Identifier: MIT
#pragma once

#include <results.pb.h>

#include <array>
#include <bit>
#include <cstdint>

namespace statctl::measure {

/// A log-linear histogram of times: 32 steps for each doubling, so each is known to 3 %, whatever
/// its size, and adding one costs some instructions. The method of HdrHistogram.
class Histogram {
  public:
    void add(std::uint64_t ns) noexcept { ++counts_[index(ns)], ++total_; }
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
    /// The time that the share @p q of all did not exceed; 0 for none.
    [[nodiscard]] std::uint64_t quantile(double q) const noexcept;
    [[nodiscard]] std::uint64_t max() const noexcept { return quantile(1); }
    void add(const Histogram& other) noexcept;

    [[nodiscard]] statchan::results::Histogram message() const;
    [[nodiscard]] static Histogram from(const statchan::results::Histogram& message);

  private:
    static constexpr std::size_t steps = 32;
    static constexpr unsigned step_bits = 5;

    [[nodiscard]] static std::size_t index(std::uint64_t ns) noexcept {
        if (ns < 2 * steps) return ns;
        const auto shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - step_bits;
        return (shift + 1) * steps + ((ns >> shift) - steps);
    }
    /// The largest that goes into this one.
    [[nodiscard]] static std::uint64_t upper(std::size_t index) noexcept {
        if (index < 2 * steps) return index;
        const auto shift = index / steps - 1;
        return ((index % steps + steps + 1) << shift) - 1;
    }

    std::array<std::uint64_t, 64 * steps> counts_{};
    std::uint64_t total_ = 0;
};

}  // namespace statctl::measure
