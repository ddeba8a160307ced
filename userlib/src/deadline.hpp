// SPDX-License-Identifier: MIT
//
// The end of a wait.
#pragma once

#include <algorithm>
#include <chrono>
#include <statchan/types.hpp>

namespace statchan::detail {

/// When a wait ends that begins now. One of a negative time, or of more than the clock can count,
/// never does.
class Deadline {
  public:
    explicit Deadline(nanoseconds timeout) noexcept {
        const auto now = Clock::now();
        if (timeout.count() >= 0 && timeout < Clock::time_point::max() - now) end_ = now + timeout;
    }

    [[nodiscard]] bool endless() const noexcept { return end_ == Clock::time_point::max(); }
    /// 0 once it has passed; `never` if it is endless.
    [[nodiscard]] nanoseconds left() const noexcept {
        return endless() ? never : std::max<nanoseconds>(end_ - Clock::now(), nanoseconds{0});
    }

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point end_ = Clock::time_point::max();
};

}  // namespace statchan::detail
