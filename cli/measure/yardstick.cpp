// SPDX-License-Identifier: MIT
#include "measure/yardstick.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "measure/experiment.hpp"
#include "measure/spread.hpp"

namespace statctl::measure {

double yardstick() {
    constexpr int tries = 5;
    constexpr int copies = 256;
    static std::array<char, 4096> from{}, to{};
    auto least = std::numeric_limits<double>::max();
    for (int i = 0; i < tries; ++i) {
        const Stopwatch watch;
        for (int n = 0; n < copies; ++n) {
            std::memcpy(to.data(), from.data(), to.size());
            use(to.data());
        }
        least = std::min(least, watch.ns());
    }
    return least;
}

double drift(const statchan::results::Results& first, const statchan::results::Results& second) {
    const auto& a = first.yardstick();
    const auto& b = second.yardstick();
    if (a.median() == 0 || b.median() == 0) return 0;
    const auto between = std::abs(std::log(b.median() / a.median()));
    return std::expm1(between) + noise(a) + noise(b);
}

}  // namespace statctl::measure
