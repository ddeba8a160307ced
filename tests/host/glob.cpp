// SPDX-License-Identifier: MIT
#include "glob.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using statchan::detail::glob_match;

TEST(Glob, MatchesAsAShellDoes) {
    for (const auto& [pattern, text] : {std::pair{"*", ""},
                                        {"*", "x"},
                                        {"", ""},
                                        {"rx_*", "rx_bytes"},
                                        {"*bytes", "rx_bytes"},
                                        {"r?_bytes", "rx_bytes"},
                                        {"[rt]x_*", "tx_"},
                                        {"[a-c]", "b"},
                                        {"[!a-c]", "d"},
                                        {"[]]", "]"},
                                        {"[", "["},
                                        {"a[b", "a[b"},
                                        {"*a*b*c*", "xaxbxcx"},
                                        {"[a-]", "-"},
                                        {"**", "ab"}})
        EXPECT_TRUE(glob_match(pattern, text)) << pattern << " " << text;
    for (const auto& [pattern, text] : {std::pair{"", "x"},
                                        {"?", ""},
                                        {"rx", "rx_bytes"},
                                        {"rx_bytes", "rx"},
                                        {"[a-c]", "d"},
                                        {"[!a-c]", "b"},
                                        {"*a", "b"},
                                        {"a*b", "a"},
                                        {"[ab", "a"}})
        EXPECT_FALSE(glob_match(pattern, text)) << pattern << " " << text;
}

TEST(Glob, HostilePatternDoesNotStall) {
    std::string pattern;
    for (int i = 0; i < 200; ++i) pattern += "a*";
    EXPECT_FALSE(glob_match(pattern + "b", std::string(5000, 'a')));
}

}  // namespace
