// SPDX-License-Identifier: MIT
#include "pool.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include "buffer.hpp"

namespace {

using namespace statchan::detail;

// What an object of a pool can be, and what has become of all of them.
struct Thing {
    static inline int living = 0;
    static inline int rested = 0;

    int kind;
    int number;
    bool useful = true;

    Thing(int k, int n) : kind{k}, number{n} { ++living; }
    Thing(const Thing&) = delete;
    Thing& operator=(const Thing&) = delete;
    ~Thing() { --living; }
    [[nodiscard]] bool alike(const Thing& other) const noexcept { return kind == other.kind; }
    [[nodiscard]] bool rest() const noexcept {
        ++rested;
        return useful;
    }
};

struct PoolOfThings : testing::Test {
    PoolOfThings() {
        EXPECT_EQ(Thing::living, 0) << "left by the pool before";
        Thing::rested = 0;
    }

    void lend(int kind, int number) {
        there.push_back(pool.lend(std::make_unique<Thing>(kind, number)));
    }
    // The number of an idle thing of this kind, which goes for good; -1: there is none.
    int take(int kind) {
        const auto taken = pool.take([&](const Thing& thing) { return thing.kind == kind; });
        return taken ? taken->number : -1;
    }

    Pool<Thing> pool;
    std::deque<std::shared_ptr<Thing>> there;
};

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

// Of more sources than there are places for one.
TEST_F(PoolOfThings, KeepsOneOfEachKindWhateverComesBetween) {
    constexpr int kinds = Pool<Thing>::max_idle;
    for (int kind = 0; kind < kinds; ++kind) lend(kind, kind);
    there.clear();
    for (int round = 0; round < 3; ++round) {
        for (int kind = 0; kind < kinds; ++kind) {
            ASSERT_EQ(take(kind), kind);
            lend(kind, kind);
            there.clear();
        }
    }
    EXPECT_EQ(Thing::living, kinds);
}

TEST_F(PoolOfThings, OfOneKindOnlyTheLastStay) {
    constexpr auto most = static_cast<int>(Pool<Thing>::max_alike);
    lend(1, 100);
    for (int number = 0; number < most + 3; ++number) lend(0, number);
    while (!there.empty()) there.pop_front();
    EXPECT_EQ(Thing::living, most + 1);
    for (int number = 3; number < most + 3; ++number) EXPECT_EQ(take(0), number);
    EXPECT_EQ(take(0), -1);
    EXPECT_EQ(take(1), 100) << "another kind made room";
}

TEST_F(PoolOfThings, OfAllTheOldestGoes) {
    constexpr int most = Pool<Thing>::max_idle;
    for (int kind = 0; kind < most + 2; ++kind) lend(kind, kind);
    while (!there.empty()) there.pop_front();
    EXPECT_EQ(Thing::living, most);
    EXPECT_EQ(take(0), -1);
    EXPECT_EQ(take(1), -1);
    EXPECT_EQ(take(2), 2);
    EXPECT_EQ(take(most + 1), most + 1);
}

TEST_F(PoolOfThings, RestsWhenNobodyHoldsIt) {
    lend(0, 1);
    auto copy = there.front();
    there.clear();
    EXPECT_EQ(Thing::rested, 0);
    copy.reset();
    EXPECT_EQ(Thing::rested, 1);
    EXPECT_EQ(take(0), 1);
}

TEST_F(PoolOfThings, WhatIsOfNoMoreUseGoes) {
    lend(0, 1);
    there.front()->useful = false;
    there.clear();
    EXPECT_EQ(Thing::living, 0);
    EXPECT_EQ(take(0), -1);
}

TEST_F(PoolOfThings, ForgetsWhatNobodyWillWant) {
    for (int i = 0; i < 3; ++i) lend(7, i);
    lend(8, 0);
    there.clear();
    pool.forget([](const Thing& thing) { return thing.kind == 7; });
    EXPECT_EQ(Thing::living, 1);
    EXPECT_EQ(take(7), -1);
    EXPECT_EQ(take(8), 0);
}

// Rounded up to nothing it would be a buffer that every read finds full, or at its end.
TEST(Buffer, IsNeverSmallerThanWhatItIsFor) {
    std::size_t bytes = SIZE_MAX;
    for (int less = 0; less < 9; ++less, --bytes)
        EXPECT_GE(Buffer::words_of(bytes), SIZE_MAX / 8) << bytes;
    EXPECT_EQ(Buffer{0}.size(), 0U);
    EXPECT_EQ(Buffer{1}.size(), 8U);
    EXPECT_EQ(Buffer{8}.size(), 8U);
    EXPECT_EQ(Buffer{9}.size(), 16U);
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
