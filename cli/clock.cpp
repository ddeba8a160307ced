// SPDX-License-Identifier: MIT
#include "clock.hpp"

#include <fmt/format.h>

#include <chrono>
#include <ctime>

namespace statctl {

std::uint64_t Clock::unix_ns(statchan::Time time) const noexcept {
    using namespace std::chrono;
    if (!wall_) wall_ = statchan::WallClock::now();
    const auto ns = duration_cast<nanoseconds>(wall_->at(time).time_since_epoch()).count();
    return ns < 0 ? 0 : static_cast<std::uint64_t>(ns);
}

std::string Clock::time_of_day(statchan::Time time) const {
    const auto ns = unix_ns(time);
    const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    return fmt::format("{:02}:{:02}:{:02}.{:06}", local.tm_hour, local.tm_min, local.tm_sec,
                       ns % 1'000'000'000 / 1000);
}

}  // namespace statctl
