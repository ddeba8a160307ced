// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <utility>

namespace statctl {

/// Says something beside the output, on standard error. That nobody can hear it is no failure.
template <class... T>
void remark(fmt::format_string<T...> format, T&&... values) {
    const auto text = fmt::format(format, std::forward<T>(values)...);
    std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace statctl
