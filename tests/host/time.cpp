// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <ctime>
#include <statchan/time.hpp>

namespace {

using namespace std::chrono_literals;
using namespace statchan;

TEST(Time, SteadyClockIsTheKernelsMonotonic) {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    const auto kernel = time_from_ns(static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000 +
                                     static_cast<std::uint64_t>(ts.tv_nsec));
    EXPECT_LT(std::chrono::steady_clock::now() - kernel, 1s);
    EXPECT_GE(std::chrono::steady_clock::now(), kernel);
}

TEST(Time, ConvertsToTheWallClock) {
    const auto wall = to_system_time(std::chrono::steady_clock::now());
    EXPECT_LT(std::chrono::abs(std::chrono::system_clock::now() - wall), 1s);
    const auto clock = WallClock::now();
    EXPECT_EQ(clock.at(time_from_ns(5'000'000)) - clock.at(time_from_ns(2'000'000)), 3ms);
}

// A record may say anything.
TEST(Time, WhatTheKernelSaysCanBeReckonedWith) {
    const auto now = std::chrono::steady_clock::now();
    for (const auto ns :
         {~std::uint64_t{0}, std::uint64_t{1} << 63U, (std::uint64_t{1} << 63U) - 1}) {
        const auto time = time_from_ns(ns);
        EXPECT_GT(time - now, 100 * 8760h);
        EXPECT_LT(now - time, 0h);
        EXPECT_GT(time + 1h, time);
        EXPECT_GT(to_system_time(time), std::chrono::system_clock::now());
    }
}

}  // namespace
