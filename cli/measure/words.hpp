// SPDX-License-Identifier: MIT
//
// Numbers and lists as they stand in sentences.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace statctl::measure {

/// "195 µs", "2.16 s"; of nanoseconds.
[[nodiscard]] std::string time_words(double ns);
/// "494 k/s"
[[nodiscard]] std::string rate_words(double per_second);
/// "41 %", "0.3 %"; of a share from 0 to 1.
[[nodiscard]] std::string percent_words(double share);
/// "2 MiB", "1.5 MiB"
[[nodiscard]] std::string bytes_words(double bytes);
/// "2.6", "720"
[[nodiscard]] std::string factor_words(double factor);
/// "a, b and c"
[[nodiscard]] std::string list_words(std::span<const std::string> names,
                                     std::string_view last = " and ");

}  // namespace statctl::measure
