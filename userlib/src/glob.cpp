// SPDX-License-Identifier: MIT
#include "glob.hpp"

#include <cstddef>
#include <optional>

namespace statchan::detail {
namespace {

struct Bracket {
    std::size_t end;  // after the closing ]
    bool match;
};

// The bracket expression at pattern[at], which is '['; nothing if it never closes.
std::optional<Bracket> match_bracket(std::string_view pattern, std::size_t at, char c) noexcept {
    auto i = at + 1;
    const bool negate = i < pattern.size() && pattern[i] == '!';
    if (negate) ++i;
    bool found = false;
    for (const auto first = i; i < pattern.size(); ++i) {
        if (pattern[i] == ']' && i != first) return Bracket{i + 1, found != negate};
        char low = pattern[i];
        char high = low;
        if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
            high = pattern[i + 2];
            i += 2;
        }
        if (low <= c && c <= high) found = true;
    }
    return std::nullopt;
}

// Length of the pattern's element at p if it matches c, else 0.
std::size_t match_one(std::string_view pattern, std::size_t p, char c) noexcept {
    if (pattern[p] == '?') return 1;
    if (pattern[p] == '[')
        if (const auto b = match_bracket(pattern, p, c)) return b->match ? b->end - p : 0;
    return pattern[p] == c ? 1 : 0;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) noexcept {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = pattern.npos;  // the last * seen, and
    std::size_t star_text = 0;        // where what it swallows ends
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_text = t;
            continue;
        }
        if (p < pattern.size()) {
            if (const auto step = match_one(pattern, p, text[t]); step != 0) {
                p += step;
                ++t;
                continue;
            }
        }
        if (star == pattern.npos) return false;
        p = star + 1;
        t = ++star_text;
    }
    return pattern.find_first_not_of('*', p) == pattern.npos;
}

}  // namespace statchan::detail
