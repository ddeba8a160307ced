// SPDX-License-Identifier: MIT
//
// Command lines as a user may type them, with what must come of each: exit status 2 for bad
// usage, 1 for what failed, and one clear line that says the way out.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "run.hpp"

namespace {

struct Line {
    int status;
    std::vector<std::string> words;
    std::vector<std::string> expected;  // each in standard error
    bool needs_no_module = false;       // speaks about a module that is not there
};

std::ostream& operator<<(std::ostream& out, const Line& line) {
    out << "statctl";
    for (const auto& word : line.words) out << ' ' << word;
    return out;
}

const std::vector<Line> lines{
    // What is not a command line.
    {2, {}, {"a command is required", "statctl --help"}},
    {2, {"frobnicate"}, {"'frobnicate' is not a command", "statctl --help"}},
    {2, {"get"}, {"SOURCE", "required", "statctl get --help"}},
    {2, {"get", "eth0", "eth1"}, {"eth1", "statctl get --help"}},
    {2, {"get", "eth0", "--frobnicate"}, {"--frobnicate", "statctl get --help"}},
    {2, {"--frobnicate", "get", "eth0"}, {"--frobnicate"}},
    {2, {"get", "eth0", "-t"}, {"--transport"}},
    {2, {"source"}, {"a command is required", "statctl source --help"}},
    {2, {"source", "add"}, {"KIND", "required", "statctl source add --help"}},
    {2, {"source", "add", "synth"}, {"NAME", "required"}},
    {2, {"source", "del"}, {"NAME", "required", "statctl source del --help"}},
    {2, {"calibrate", "--frobnicate"}, {"--frobnicate", "statctl calibrate --help"}},
    {2, {"calibrate", "sw0"}, {"sw0", "statctl calibrate --help"}},
    // Transports.
    {2, {"-t", "pigeon", "get", "eth0"}, {"'pigeon'", "mmap", "netlink"}},
    {2, {"get", "eth0", "-t", "pigeon"}, {"'pigeon'", "mmap", "netlink"}},
    {2, {"-t", "pigeon", "transports"}, {"'pigeon'", "mmap", "netlink"}},
    // Durations, sizes, rates and counts.
    {2, {"get", "eth0", "--max-age", "5"}, {"--max-age", "'5' is not a duration", "10ms"}},
    {2, {"get", "eth0", "--max-age", "5parsecs"}, {"'5parsecs' is not a duration", "10ms"}},
    {2, {"get", "eth0", "--max-age", "-5ms"}, {"'-5ms' is not a duration", "10ms"}},
    {2, {"watch", "eth0", "--interval", "9999999h"}, {"'9999999h' is more than 292 years"}},
    {2, {"watch", "eth0", "--interval", "0"}, {"--interval", "more than 0"}},
    {2, {"watch", "eth0", "--count", "0"}, {"--count", "'0' is not a number of 1 or more"}},
    {2, {"samples", "eth0", "--buffer", "0"}, {"--buffer", "a size of 0 holds nothing"}},
    {2, {"samples", "eth0", "--buffer", "lots"}, {"--buffer", "'lots' is not a size", "64K"}},
    {2, {"samples", "eth0", "--buffer", "99999999G"}, {"--buffer", "'99999999G' is too large"}},
    {2, {"samples", "eth0", "--rate", "0"}, {"--rate", "'0' is not a rate", "1:100"}},
    {2, {"samples", "eth0", "--rate", "2:100"}, {"--rate", "'2:100' is not a rate", "1:100"}},
    {2, {"samples", "eth0", "--rate", "1:4294967296"}, {"is not a rate"}},
    {2, {"samples", "eth0", "--snaplen", "0"}, {"--snaplen", "'0' is not a number"}},
    {2, {"samples", "eth0", "--watermark", "-1"}, {"--watermark", "'-1' is not a number"}},
    {2, {"samples", "eth0", "--timeout", "soon"}, {"--timeout", "not a duration", "or never"}},
    {2, {"samples", "eth0", "--seconds", "0"}, {"--seconds", "'0' is not a time"}},
    {2, {"samples", "eth0", "--count", "many"}, {"--count", "'many' is not a number"}},
    {2, {"ledger", "three"}, {"CHANNEL", "'three' is not a number"}},
    // Keys and values.
    {2, {"set", "sw0"}, {"KEY=VALUE", "required"}},
    {2, {"set", "sw0", "pps"}, {"'pps' is not of the form key=value"}},
    {2, {"set", "sw0", "=5"}, {"'=5' is not of the form key=value"}},
    {2, {"set", "sw0", "pps="}, {"'pps=' is not of the form key=value"}},
    {2, {"source", "add", "synth", "sw0", "a=1 b=2"}, {"'a=1 b=2' is not of the form key=value"}},
    // Right, but the module is not loaded.
    {1, {"get", "eth0"}, {"statchan module is not loaded", "modprobe"}, true},
    {1, {"-t", "netlink", "get", "eth0"}, {"statchan module is not loaded", "modprobe"}, true},
    {1, {"get", "eth0", "-t", "netlink-nl"}, {"statchan module is not loaded"}, true},
    {1, {"-t", "relay", "get", "eth0"}, {"statchan module is not loaded"}, true},
    {1, {"-t", "ioctl", "get", "eth0"}, {"statchan module is not loaded"}, true},
    {1, {"-j", "get", "eth0"}, {"statchan module is not loaded"}, true},
    {1, {"watch", "eth0"}, {"statchan module is not loaded"}, true},
    {1, {"samples", "eth0", "-w", "/nowhere/x"}, {"statchan module is not loaded"}, true},
    {1, {"sources"}, {"statchan module is not loaded"}, true},
    {1, {"source", "add", "netdev", "eth0"}, {"statchan module is not loaded"}, true},
    {1, {"source", "del", "eth0"}, {"statchan module is not loaded"}, true},
    {1, {"set", "sw0", "pps=1"}, {"statchan module is not loaded"}, true},
    {1, {"schema", "sw0"}, {"statchan module is not loaded"}, true},
    {1, {"monitor"}, {"statchan module is not loaded"}, true},
    {1, {"ledger"}, {"statchan module is not loaded"}, true},
    {1, {"ledger", "3"}, {"statchan module is not loaded"}, true},
    {0, {"transports"}, {"note:", "statchan module is not loaded"}, true},
};

bool module_is_loaded() { return ::access("/dev/statchan", F_OK) == 0; }

class CommandLine : public testing::TestWithParam<Line> {};

TEST_P(CommandLine, EndsAsItShould) {
    const auto& line = GetParam();
    if (line.needs_no_module && module_is_loaded()) GTEST_SKIP() << "the module is loaded here";
    const auto outcome = test::statctl(line.words);
    EXPECT_EQ(outcome.status, line.status) << outcome.err;
    for (const auto& text : line.expected) {
        EXPECT_NE(outcome.err.find(text), std::string::npos)
            << "expected: " << text << "\nprinted:  " << outcome.err;
    }
    EXPECT_TRUE(outcome.err.starts_with("statctl: ")) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    if (line.status != 0) {
        EXPECT_EQ(outcome.out, "");
    }
}

INSTANTIATE_TEST_SUITE_P(All, CommandLine, testing::ValuesIn(lines));

TEST(CommandLines, NoDamageIsDoneToFilesBeforeTheSourceIsKnown) {
    if (module_is_loaded()) GTEST_SKIP() << "the module is loaded here";
    const test::TemporaryFile file;
    ASSERT_EQ(test::shell("echo precious > " + file.path()).status, 0);
    EXPECT_EQ(test::statctl({"samples", "eth0", "-w", file.path()}).status, 1);
    EXPECT_EQ(file.read(), "precious\n");
}

TEST(CommandLines, TransportFromTheEnvironment) {
    const auto outcome = test::shell("STATCHAN_TRANSPORT=pigeon $STATCTL get eth0");
    EXPECT_EQ(outcome.status, 2) << outcome.err;
    EXPECT_NE(outcome.err.find("'pigeon'"), std::string::npos) << outcome.err;
}

}  // namespace
