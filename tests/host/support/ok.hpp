// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <statchan/error.hpp>

/// The result has a value; if not, the test shows the error and ends.
#define ASSERT_OK(result) ASSERT_TRUE((result).has_value()) << (result).error().message()

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
