// SPDX-License-Identifier: GPL-2.0
// The cases of kernel/kunit/cases.h, for C++.
#pragma once

#include <cstddef>
#include <cstdint>

using case_failed = void(void* context, const char* file, int line, const char* what,
                         std::uint64_t a, std::uint64_t b);

extern "C" {
std::size_t cases_count();
const char* cases_name(std::size_t index);
std::size_t cases_starts();
/// Runs a case at a start; 0 or a negative errno.
int cases_run(std::size_t index, std::size_t start, case_failed* failed, void* context);
}
