// SPDX-License-Identifier: MIT
#include "pool.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "buffer.hpp"

namespace {

using namespace statchan::detail;

TEST(Pool, LendsTheSameMemoryAgain) {
    Pool<Buffer> pool;
    auto first = lend_buffer(pool, 1000);
    const auto* memory = first->bytes().data();
    auto second = lend_buffer(pool, 1000);
    EXPECT_NE(second->bytes().data(), memory);
    first.reset();
    EXPECT_EQ(lend_buffer(pool, 500)->bytes().data(), memory);
    EXPECT_EQ(lend_buffer(pool, 900)->bytes().data(), memory);
    EXPECT_NE(lend_buffer(pool, 2000)->bytes().data(), memory);
}

TEST(Pool, OutlivedByWhatItLent) {
    std::optional<Pool<Buffer>> pool{std::in_place};
    auto lent = lend_buffer(*pool, 8);
    pool.reset();
    lent->bytes()[0] = std::byte{1};
}

TEST(Pool, TakesBackOnAnyThread) {
    Pool<Buffer> pool;
    for (int i = 0; i < 200; ++i) {
        auto lent = lend_buffer(pool, 64);
        lent->bytes()[0] = std::byte{1};
        std::thread{[moved = std::move(lent)]() mutable {
            moved->bytes()[0] = std::byte{2};
            moved.reset();
        }}.join();
    }
}

}  // namespace
