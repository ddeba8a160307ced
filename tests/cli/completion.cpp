// SPDX-License-Identifier: MIT
//
// Completion in bash, as far as it goes without the modules.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "run.hpp"

namespace {

// What bash offers for the last of the words.
std::string completed(const std::string& words, const std::string& before = {},
                      const std::string& after = {}) {
    const auto outcome = test::shell(
        "bash -c '" + before + "statctl() { \"$STATCTL\" \"$@\"; }; . " STATCTL_COMPLETION "; " +
        after + "COMP_WORDS=(" + words +
        "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _statctl; echo \"${COMPREPLY[*]}\"'");
    return outcome.out + outcome.err;
}

TEST(Completion, OfCommandsTransportsAndOptions) {
    EXPECT_EQ(completed("statctl s"), "sources source set schema samples\n");
    EXPECT_EQ(completed("statctl -j wa"), "watch\n");
    EXPECT_EQ(completed("statctl -t net"), "netlink netlink-nl\n");
    EXPECT_EQ(completed("statctl get -t r"), "read relay\n");
    EXPECT_EQ(completed("statctl source \"\""), "add del\n");
    EXPECT_EQ(completed("statctl source add n"), "netdev\n");
    EXPECT_EQ(completed("statctl -t mmap samples eth0 --wa"), "--watermark --watermark-bytes\n");
    EXPECT_EQ(completed("statctl samples eth0 -w \"\""), "\n");
}

// What an option is given is no command, nor the name of a source; bash ends words at = and :.
TEST(Completion, ValuesOfOptionsAreSkipped) {
    EXPECT_EQ(completed("statctl --transport = mmap wa"), "watch\n");
    EXPECT_EQ(completed("statctl --transport = net"), "netlink netlink-nl\n");
    const std::string stub = R"x(_statctl_column() { [[ $2 != sources ]] || echo "source$1"; }; )x";
    for (const std::string words :
         {"watch -i 1s", "samples --rate 1 : 100", "samples -c 5 --strict", "verify"}) {
        SCOPED_TRACE(words);
        EXPECT_EQ(completed("statctl " + words + " so", "", stub), "source2\n");
    }
}

// Linux lets anybody who may make one call an interface so.
TEST(Completion, NamesAreNotRun) {
    const auto trace = std::string{::testing::TempDir()} + "statctl-completion-ran";
    std::filesystem::remove(trace);
    const auto stub = fmt::format(R"x(ls() {{ echo "\$(touch\${{IFS}}{})"; }}; )x", trace);
    const auto offered = completed(R"(statctl source add netdev "")", stub);
    EXPECT_FALSE(std::filesystem::exists(trace)) << offered;
    EXPECT_NE(offered.find("touch"), std::string::npos) << offered;
}

}  // namespace
