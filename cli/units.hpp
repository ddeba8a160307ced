// SPDX-License-Identifier: MIT
//
// Durations, sizes and rates as people write and read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <statchan/types.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace statctl {

using std::chrono::nanoseconds;

/// A value, or the sentence that says what is wrong with the text.
template <class T>
using Parsed = tl::expected<T, std::string>;

/// "10ms", "1.5s", "500us", "2m"; "0" needs no unit.
[[nodiscard]] Parsed<nanoseconds> parse_duration(std::string_view text);
/// parse_duration(), but not 0.
[[nodiscard]] Parsed<nanoseconds> parse_interval(std::string_view text);
/// parse_duration(), or "never", which is statchan::never.
[[nodiscard]] Parsed<nanoseconds> parse_timeout(std::string_view text);
/// "10", "0.5": seconds; or parse_duration(). Not 0.
[[nodiscard]] Parsed<nanoseconds> parse_seconds(std::string_view text);
/// "4096", "64K", "1M", "2G": multiples of 1024. Not 0.
[[nodiscard]] Parsed<std::uint64_t> parse_size(std::string_view text);
/// "1:100" or "100". Not 0.
[[nodiscard]] Parsed<std::uint32_t> parse_rate(std::string_view text);
/// "200k/s", "200k", "200000": per second, not 0.
[[nodiscard]] Parsed<std::uint64_t> parse_per_second(std::string_view text);
/// A whole number, not 0.
[[nodiscard]] Parsed<std::uint64_t> parse_count(std::string_view text);
[[nodiscard]] Parsed<std::uint32_t> parse_number(std::string_view text);

/// Three digits that matter and a unit: "1.23 ms", "never".
[[nodiscard]] std::string format_duration(nanoseconds duration);
/// "64 KiB" where that is exact, else "65000 bytes".
[[nodiscard]] std::string format_size(std::uint64_t bytes);
/// "123.4", "5678".
[[nodiscard]] std::string format_rate(double per_second);

}  // namespace statctl
