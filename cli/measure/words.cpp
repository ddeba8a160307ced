// SPDX-License-Identifier: MIT
#include "measure/words.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace statctl::measure {

namespace {

struct Scale {
    double factor;
    const char* name;
};

// Three digits that matter.
std::string short_number(double value) {
    const auto size = std::abs(value);
    if (size >= 99.95 || size == 0) return fmt::format("{:.0f}", value);
    return size >= 9.995 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}

template <std::size_t N>
std::string scaled(double value, const std::array<Scale, N>& scales) {
    for (const auto& scale : scales)
        // what would be rounded up to 1000 is 1 of the next
        if (std::abs(value) >= scale.factor * 0.9995 || &scale == &scales.back())
            return fmt::format("{} {}", short_number(value / scale.factor), scale.name);
    return {};
}

}  // namespace

std::string time_words(double ns) {
    static constexpr std::array<Scale, 4> scales{{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}}};
    return scaled(ns, scales);
}

std::string rate_words(double per_second) {
    static constexpr std::array<Scale, 4> scales{
        {{1e9, "G/s"}, {1e6, "M/s"}, {1e3, "k/s"}, {1, "/s"}}};
    return scaled(per_second, scales);
}

std::string percent_words(double share) {
    const auto percent = share * 100;
    if (percent == 0 || std::abs(percent) >= 9.95) return fmt::format("{:.0f} %", percent);
    if (std::abs(percent) < 0.1) return fmt::format("{:.2g} %", percent);
    return fmt::format("{:.1f} %", percent);
}

std::string bytes_words(double bytes) {
    static constexpr std::array<Scale, 4> scales{
        {{1073741824, "GiB"}, {1048576, "MiB"}, {1024, "KiB"}, {1, "B"}}};
    for (const auto& scale : scales)
        if (bytes >= scale.factor)
            return fmt::format("{:.3g} {}", bytes / scale.factor, scale.name);
    return fmt::format("{:.0f} B", bytes);
}

std::string factor_words(double factor) {
    return factor >= 9.95 ? fmt::format("{:.0f}", factor) : fmt::format("{:.1f}", factor);
}

std::string list_words(std::span<const std::string> names, std::string_view last) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i != 0) text += i + 1 == names.size() ? last : std::string_view{", "};
        text += names[i];
    }
    return text;
}

}  // namespace statctl::measure
