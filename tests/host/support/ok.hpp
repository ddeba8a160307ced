// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <statchan/error.hpp>

/// For ASSERT_OK and EXPECT_OK, which ask once: a second time it may go well.
template <class T>
testing::AssertionResult is_ok(const statchan::Result<T>& result) {
    if (result) return testing::AssertionSuccess();
    return testing::AssertionFailure() << result.error().message();
}

/// The result has a value; if not, the test shows the error and ends.
#define ASSERT_OK(result) ASSERT_TRUE(is_ok(result))
/// The same, and the test goes on.
#define EXPECT_OK(result) EXPECT_TRUE(is_ok(result))

/// The result is an error of this code.
#define EXPECT_FAILS(result, expected_code)                                 \
    do {                                                                    \
        const auto& result_ = (result);                                     \
        EXPECT_FALSE(result_.has_value());                                  \
        if (!result_) {                                                     \
            EXPECT_EQ(result_.error().code, std::error_code{expected_code}) \
                << result_.error().message();                               \
        }                                                                   \
    } while (false)
