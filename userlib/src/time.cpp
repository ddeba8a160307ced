// SPDX-License-Identifier: MIT
#include <statchan/time.hpp>

namespace statchan {

WallClock WallClock::now() noexcept {
    // The attempt with the shortest distance between the two monotonic reads was disturbed least.
    nanoseconds best_distance = nanoseconds::max();
    nanoseconds best_offset{};
    for (int attempt = 0; attempt < 5; ++attempt) {
        const auto before = std::chrono::steady_clock::now().time_since_epoch();
        const auto wall = std::chrono::system_clock::now().time_since_epoch();
        const auto after = std::chrono::steady_clock::now().time_since_epoch();
        if (after - before < best_distance) {
            best_distance = after - before;
            best_offset = wall - (before + (after - before) / 2);
        }
    }
    return WallClock{best_offset};
}

}  // namespace statchan
