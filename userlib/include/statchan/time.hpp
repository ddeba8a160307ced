// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <statchan/export.hpp>

namespace statchan {

using std::chrono::nanoseconds;

/// CLOCK_MONOTONIC in ns: the clock of every record, snapshot and event. On Linux this is the
/// clock of std::chrono::steady_clock, so `steady_clock::now() - sample.time()` is an age.
using Time = std::chrono::time_point<std::chrono::steady_clock, nanoseconds>;

/// A Time from the kernel's number. What makes no sense, 146 years and more, is that many years: so
/// that differences of times, and times that are shown on a wall clock, are numbers.
constexpr Time time_from_ns(std::uint64_t ns) noexcept {
    constexpr auto most = std::uint64_t{1} << 62U;
    return Time{nanoseconds{static_cast<nanoseconds::rep>(ns < most ? ns : most)}};
}

/// Ns of CLOCK_MONOTONIC, as the kernel writes them.
constexpr std::uint64_t to_ns(Time t) noexcept {
    return static_cast<std::uint64_t>(t.time_since_epoch().count());
}

/// Turns monotonic times to wall-clock times with one measured offset, so that the order and
/// the distances of records are kept. Measure again (now()) after the wall clock was set.
class STATCHAN_API WallClock {
  public:
    /// Measures the offset between both clocks, to well under a microsecond.
    [[nodiscard]] static WallClock now() noexcept;

    [[nodiscard]] std::chrono::system_clock::time_point at(Time t) const noexcept {
        return std::chrono::system_clock::time_point{
            std::chrono::duration_cast<std::chrono::system_clock::duration>(t.time_since_epoch() +
                                                                            offset_)};
    }

  private:
    explicit WallClock(nanoseconds offset) noexcept : offset_{offset} {}
    nanoseconds offset_;
};

/// One conversion with an offset measured now. For many, keep a WallClock.
[[nodiscard]] inline std::chrono::system_clock::time_point to_system_time(Time t) noexcept {
    return WallClock::now().at(t);
}

}  // namespace statchan
