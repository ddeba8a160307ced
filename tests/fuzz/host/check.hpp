// SPDX-License-Identifier: MIT
//
// What must hold whatever the bytes are. A program that searches ends where it does not.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <statchan/error.hpp>

namespace fuzz {

inline void must(bool holds, const char* what, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE()) {
    if (holds) return;
    std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    std::abort();
}

/// Reads every byte, so that address sanitizer sees a view of memory that is not there.
inline void touch(std::span<const std::byte> bytes) {
    const volatile std::byte* p = bytes.data();
    for (std::size_t i = 0; i < bytes.size(); ++i) static_cast<void>(p[i]);
}

/// @p inner lies in @p outer.
[[nodiscard]] inline bool inside(std::span<const std::byte> inner,
                                 std::span<const std::byte> outer) {
    return inner.data() >= outer.data() &&
           inner.data() + inner.size() <= outer.data() + outer.size();
}

/// An error is a sentence with a code.
inline void is_told(const statchan::Error& error) {
    must(static_cast<bool>(error.code), "an error has a code");
    must(!error.message().empty(), "an error has words");
}

}  // namespace fuzz
