// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <statchan/time.hpp>
#include <string>

namespace statctl {

/// Shows monotonic times as wall-clock times, all with one offset, that of the first use: the order
/// of records stays.
class Clock {
  public:
    /// Nanoseconds since 1970.
    [[nodiscard]] std::uint64_t unix_ns(statchan::Time time) const noexcept;
    /// Local time as tcpdump shows it: "12:34:56.789012".
    [[nodiscard]] std::string time_of_day(statchan::Time time) const;

  private:
    mutable std::optional<statchan::WallClock> wall_;
};

}  // namespace statctl
