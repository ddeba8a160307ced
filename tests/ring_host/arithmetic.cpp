// SPDX-License-Identifier: MIT
//
// The arithmetic of kernel/ring.c, record.c and ledger.c with positions near 2^32 and 2^64.
#include <gtest/gtest.h>

#include <string>

#include "cases.h"

namespace {

class Arithmetic : public testing::TestWithParam<std::size_t> {};

TEST_P(Arithmetic, HoldsWhereNumbersWrap) {
    const auto failed = [](void* context, const char* file, int line, const char* what,
                           std::uint64_t a, std::uint64_t b) {
        ADD_FAILURE_AT(file, line) << what << ": " << a << ", " << b << " from start number "
                                   << *static_cast<const std::size_t*>(context);
    };
    for (std::size_t start = 0; start < cases_starts(); ++start)
        ASSERT_EQ(cases_run(GetParam(), start, failed, &start), 0);
}

INSTANTIATE_TEST_SUITE_P(Cases, Arithmetic, testing::Range(std::size_t{0}, cases_count()),
                         [](const auto& info) { return std::string{cases_name(info.param)}; });

}  // namespace
