// SPDX-License-Identifier: MIT
//
// --help of every command tells how to use it, with an example.
#include <gtest/gtest.h>

#include "command.hpp"
#include "run.hpp"

namespace {

std::vector<std::vector<std::string>> all_commands() {
    std::vector<std::vector<std::string>> all;
    for (const auto& command : statctl::commands()) {
        if (command.name != "source") all.push_back({std::string{command.name}});
    }
    all.push_back({"source", "add"});
    all.push_back({"source", "del"});
    return all;
}

TEST(Help, OfEveryCommandHasAnExampleAndTheCommonOptions) {
    for (auto words : all_commands()) {
        std::string command = "statctl";
        for (const auto& word : words) command += " " + word;
        words.emplace_back("--help");
        const auto outcome = test::statctl(words);
        EXPECT_EQ(outcome.status, 0) << command;
        EXPECT_EQ(outcome.err, "");
        for (const auto* text : {"Examples:\n  ", "--transport", "--json"}) {
            EXPECT_NE(outcome.out.find(text), std::string::npos) << command << ": " << outcome.out;
        }
        EXPECT_NE(outcome.out.find("Usage: " + command), std::string::npos) << outcome.out;
    }
}

TEST(Help, OfTheProgramListsEveryCommand) {
    const auto outcome = test::statctl({"--help"});
    EXPECT_EQ(outcome.status, 0);
    for (const auto& command : statctl::commands()) {
        EXPECT_NE(outcome.out.find(std::string{command.summary}), std::string::npos)
            << command.name;
    }
}

TEST(Help, VersionIsTold) {
    const auto outcome = test::statctl({"--version"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_TRUE(outcome.out.starts_with("statctl ")) << outcome.out;
}

}  // namespace
