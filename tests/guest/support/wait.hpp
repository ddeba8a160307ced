// SPDX-License-Identifier: MIT
//
// Waiting for a condition with a deadline; never for luck.
#pragma once

#include <chrono>
#include <thread>
#include <utility>

namespace lab {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Generous: the guest may be emulated and the host busy. A test that passes never waits so long.
inline constexpr std::chrono::seconds patience{20};

/// Asks until the answer is yes, or the deadline has passed. The last answer.
template <class Condition>
[[nodiscard]] bool eventually(Condition&& condition, Clock::duration within = patience) {
    const auto deadline = Clock::now() + within;
    for (auto pause = std::chrono::microseconds{200};; pause = std::min(pause * 2, 20'000us)) {
        if (std::forward<Condition>(condition)()) return true;
        if (Clock::now() >= deadline) return false;
        std::this_thread::sleep_for(pause);
    }
}

}  // namespace lab
