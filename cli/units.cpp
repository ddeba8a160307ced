// SPDX-License-Identifier: MIT
#include "units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace statctl {

namespace {

struct Unit {
    std::string_view name;
    double factor;
};

constexpr std::array duration_units{Unit{"ns", 1},  Unit{"us", 1e3}, Unit{"ms", 1e6},
                                    Unit{"s", 1e9}, Unit{"m", 60e9}, Unit{"h", 3600e9}};
constexpr std::array size_units{Unit{"", 1},          Unit{"K", 1024},    Unit{"k", 1024},
                                Unit{"M", 1048576},   Unit{"m", 1048576}, Unit{"G", 1073741824},
                                Unit{"g", 1073741824}};

// The number at the start of the text and what follows it.
struct Split {
    double number;
    std::string_view rest;
};

std::optional<Split> split(std::string_view text) {
    // from_chars takes "inf", "nan" and "-1", too.
    if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
    Split result{};
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(),
                                               result.number, std::chars_format::fixed);
    if (failed != std::errc{}) return std::nullopt;
    result.rest = text.substr(static_cast<std::size_t>(end - text.data()));
    return result;
}

template <std::size_t N>
std::optional<double> scaled(const Split& parts, const std::array<Unit, N>& units) {
    for (const auto& unit : units) {
        if (unit.name == parts.rest) return parts.number * unit.factor;
    }
    return std::nullopt;
}

template <class T>
Parsed<T> parse_whole(std::string_view text, std::string_view what) {
    T value{};
    const auto* last = text.data() + text.size();
    const auto [end, failed] = std::from_chars(text.data(), last, value);
    if (failed != std::errc{} || end != last || value == 0) {
        return tl::unexpected(fmt::format("'{}' is not {}", text, what));
    }
    return value;
}

}  // namespace

Parsed<nanoseconds> parse_duration(std::string_view text) {
    constexpr auto way_out = "write a number and ns, us, ms, s, m or h, as in 10ms";
    const auto parts = split(text);
    if (parts && parts->number == 0 && parts->rest.empty()) return nanoseconds{0};
    const auto value = parts ? scaled(*parts, duration_units) : std::nullopt;
    if (!value) return tl::unexpected(fmt::format("'{}' is not a duration; {}", text, way_out));
    if (*value > 0 && *value < 1) {
        return tl::unexpected(fmt::format("'{}' is less than a nanosecond; {}", text, way_out));
    }
    if (*value >= 9.2e18) {
        return tl::unexpected(fmt::format("'{}' is more than 292 years; {}", text, way_out));
    }
    return nanoseconds{std::llround(*value)};
}

Parsed<nanoseconds> parse_interval(std::string_view text) {
    auto value = parse_duration(text);
    if (value && value->count() == 0) {
        return tl::unexpected(fmt::format("'{}' is no interval; it must be more than 0", text));
    }
    return value;
}

Parsed<nanoseconds> parse_timeout(std::string_view text) {
    if (text == "never") return statchan::never;
    return parse_duration(text).map_error(
        [](std::string error) { return std::move(error) + ", or never"; });
}

Parsed<nanoseconds> parse_seconds(std::string_view text) {
    const auto parts = split(text);
    const bool bare = parts && parts->rest.empty();
    auto value = parse_duration(bare ? std::string{text} + "s" : std::string{text});
    if (value && value->count() > 0) return value;
    return tl::unexpected(fmt::format("'{}' is not a time; write seconds, as in 10", text));
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
    constexpr auto way_out = "write bytes or K, M, G of them, as in 64K";
    const auto parts = split(text);
    const auto value = parts ? scaled(*parts, size_units) : std::nullopt;
    if (!value || *value != std::floor(*value)) {
        return tl::unexpected(fmt::format("'{}' is not a size; {}", text, way_out));
    }
    if (*value == 0) {
        return tl::unexpected(fmt::format("a size of 0 holds nothing; {}", way_out));
    }
    // Above 2^53 a double no longer holds every number; no buffer is near that.
    if (*value >= 9007199254740992.0) {
        return tl::unexpected(fmt::format("'{}' is too large; {}", text, way_out));
    }
    return static_cast<std::uint64_t>(*value);
}

Parsed<std::uint32_t> parse_rate(std::string_view text) {
    auto number = text;
    if (number.starts_with("1:")) number.remove_prefix(2);
    auto rate = parse_whole<std::uint32_t>(number, "a rate");
    if (!rate) {
        return tl::unexpected(
            fmt::format("'{}' is not a rate; to take 1 in 100 packets write 1:100 or 100", text));
    }
    return rate;
}

Parsed<std::uint64_t> parse_per_second(std::string_view text) {
    constexpr auto way_out = "write a number, also with k or M, as in 200k/s";
    auto digits = text.ends_with("/s") ? text.substr(0, text.size() - 2) : text;
    std::uint64_t factor = 1;
    if (digits.ends_with('k')) factor = 1'000;
    if (digits.ends_with('M')) factor = 1'000'000;
    if (factor != 1) digits.remove_suffix(1);
    const auto value = parse_whole<std::uint64_t>(digits, "a rate");
    if (!value || *value > 1'000'000'000'000 / factor)
        return tl::unexpected(fmt::format("'{}' is not a rate per second; {}", text, way_out));
    return *value * factor;
}

Parsed<std::uint64_t> parse_count(std::string_view text) {
    return parse_whole<std::uint64_t>(text, "a number of 1 or more");
}

Parsed<std::uint32_t> parse_number(std::string_view text) {
    return parse_whole<std::uint32_t>(text, "a number from 1 to 4294967295");
}

std::string format_duration(nanoseconds duration) {
    if (duration == statchan::never) return "never";
    constexpr std::array units{std::pair{1e9, "s"}, std::pair{1e6, "ms"}, std::pair{1e3, "us"},
                               std::pair{1.0, "ns"}};
    const auto ns = static_cast<double>(duration.count());
    if (ns >= 1e12) return fmt::format("{:.0f} s", ns / 1e9);
    for (const auto& [factor, name] : units) {
        if (std::abs(ns) >= factor) return fmt::format("{:.4g} {}", ns / factor, name);
    }
    return "0 s";
}

std::string format_size(std::uint64_t bytes) {
    constexpr std::array names{"GiB", "MiB", "KiB"};
    constexpr std::array shifts{30U, 20U, 10U};
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::uint64_t unit = 1ULL << shifts[i];
        if (bytes != 0 && bytes % unit == 0) return fmt::format("{} {}", bytes / unit, names[i]);
    }
    return fmt::format("{} bytes", bytes);
}

std::string format_rate(double per_second) {
    return std::abs(per_second) < 1000 ? fmt::format("{:.1f}", per_second)
                                       : fmt::format("{:.0f}", per_second);
}

}  // namespace statctl
