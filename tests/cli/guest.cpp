// SPDX-License-Identifier: MIT
//
// statctl with the modules loaded, as root: the suites begin with "Guest" and skip themselves
// elsewhere. In the lab:
//
//	build/tests/cli/test_cli --gtest_filter='Guest*'
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "run.hpp"
#include "table.hpp"

namespace {

using Json = nlohmann::ordered_json;

bool in_guest() {
    return ::geteuid() == 0 && ::access("/dev/statchan", R_OK | W_OK) == 0 &&
           ::access("/sys/module/statchan_synth", F_OK) == 0;
}

std::vector<Json> json_lines(const std::string& text) {
    std::vector<Json> lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
    return lines;
}

void make_sources() {
    ASSERT_EQ(test::statctl({"source", "add", "synth", "sw0", "ports=4", "fields=3"}).status, 0);
}

void remove_sources() { std::ignore = test::statctl({"source", "del", "sw0"}); }

// ---- bad input ----

struct Line {
    int status;
    std::string line;  // of shell; $STATCTL is statctl
    std::vector<std::string> expected;
};

std::ostream& operator<<(std::ostream& out, const Line& line) { return out << line.line; }

constexpr auto as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all ";

const std::vector<Line> lines{
    {1, "$STATCTL get nope", {"'nope'", "statctl sources"}},
    {1, "$STATCTL -t netlink get nope", {"'nope'", "statctl sources"}},
    {1, "$STATCTL samples nope -w /tmp/never", {"'nope'", "statctl sources"}},
    {1, "$STATCTL source del nope", {"'nope'"}},
    {1, "$STATCTL source add synth sw0", {"'sw0'", "exists"}},
    {1, "$STATCTL source add pigeon sw1", {"'pigeon'", "loaded"}},
    {1, "$STATCTL source add netdev eth9", {"'eth9'", "network namespace"}},
    {1, "$STATCTL set sw0 pigeons=1", {"'pigeons'", "pps"}},
    {1, "$STATCTL set sw0 pps=many", {"pps", "'many'"}},
    {1, "$STATCTL set sw0 ports=5", {"ports"}},
    {1, "$STATCTL -t relay get sw0", {"relay", "snapshot", "ioctl", "netlink", "mmap"}},
    {1, "$STATCTL -t relay watch sw0", {"relay", "snapshot", "mmap"}},
    {1, "$STATCTL -t ioctl watch sw0 --live", {"ioctl", "live", "mmap"}},
    {1, "$STATCTL get sw0 --field nope", {"--field 'nope'", "port", "statctl schema sw0"}},
    {1, "$STATCTL get sw0 --generation 99", {"generation 99"}},
    {1, "$STATCTL samples sw0 --buffer 1G", {"1073741824", "at most 268435456"}},
    {1, "$STATCTL samples sw0 --snaplen 70000", {"70000", "at most 32768"}},
    {1, "$STATCTL samples sw0 --timeout 1ns", {"timeout", "at least"}},
    {1, "$STATCTL samples sw0 -w /nowhere/x", {"'/nowhere/x'", "No such file"}},
    {1, "$STATCTL ledger 9999", {"9999"}},
    {1, std::string{as_nobody} + "$STATCTL get sw0", {"permission", "root"}},
    {1, std::string{as_nobody} + "$STATCTL -t netlink samples sw0", {"CAP_NET_ADMIN", "root"}},
    {1, std::string{as_nobody} + "$STATCTL -t netlink set sw0 pps=1", {"CAP_NET_ADMIN", "root"}},
};

class GuestBadInput : public testing::TestWithParam<Line> {
  protected:
    void SetUp() override {
        if (!in_guest()) GTEST_SKIP() << "needs the modules";
        make_sources();
    }
    void TearDown() override { remove_sources(); }
};

TEST_P(GuestBadInput, IsOneClearLine) {
    const auto outcome = test::shell(GetParam().line);
    EXPECT_EQ(outcome.status, GetParam().status) << outcome.err;
    for (const auto& text : GetParam().expected) {
        EXPECT_NE(outcome.err.find(text), std::string::npos)
            << "expected: " << text << "\nprinted:  " << outcome.err;
    }
    EXPECT_TRUE(outcome.err.starts_with("statctl: ")) << outcome.err;
    EXPECT_EQ(outcome.out, "");
}

INSTANTIATE_TEST_SUITE_P(All, GuestBadInput, testing::ValuesIn(lines));

// ---- good input ----

class Guest : public testing::Test {
  protected:
    void SetUp() override {
        if (!in_guest()) GTEST_SKIP() << "needs the modules";
        make_sources();
    }
    void TearDown() override { remove_sources(); }
};

// Words of shell that wait for something to have happened, instead of hoping for it after a while.
// The channel on sw0 is open:
const std::string opened = "until $STATCTL -j ledger | grep -q sw0; do :; done; ";
// the statctl that was started last has its handlers of signals:
const std::string ready = "until grep -q 'SigCgt:.*[2367abef]$' /proc/$!/status; do :; done; ";

test::Outcome shell_within_a_minute(const std::string& line) {
    ::setenv("STATCTL", STATCTL, 1);
    return test::run({"timeout", "60", "sh", "-c", line});
}

TEST_F(Guest, OneGenerationHasOneDigestOverAllTransports) {
    std::string digest;
    for (const auto* transport : {"ioctl", "read", "procfs", "netlink", "netlink-nl", "mmap"}) {
        const auto outcome =
            test::statctl({"-j", "-t", transport, "get", "sw0", "--max-age", "1h", "--digest"});
        ASSERT_EQ(outcome.status, 0) << outcome.err;
        const auto json = Json::parse(outcome.out);
        EXPECT_EQ(json["transport"], transport);
        EXPECT_EQ(json["generation"], 1);
        if (digest.empty()) digest = json["digest"];
        EXPECT_EQ(json["digest"], digest);
    }
}

TEST_F(Guest, FiltersAndText) {
    const auto outcome =
        test::statctl({"get", "sw0", "--group", "port", "--instance", "3", "--field", "rx_*"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 4) << outcome.out;
    EXPECT_NE(outcome.out.find("sw0: generation 1, "), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("GROUP  INSTANCE  FIELD"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("port          3  rx_packets"), std::string::npos) << outcome.out;
}

TEST_F(Guest, WatchIsALineOfJsonPerInterval) {
    const auto outcome = test::statctl({"-j", "watch", "sw0", "-i", "10ms", "--count", "3"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const auto objects = json_lines(outcome.out);
    ASSERT_EQ(objects.size(), 4U);
    EXPECT_EQ(objects[3]["type"], "ledger");
    EXPECT_EQ(objects[3]["snapshots"], 4);
    EXPECT_EQ(objects[0]["generation"], 2);
    EXPECT_EQ(objects[2]["generation"], 4);
    EXPECT_GT(objects[0]["counters"][0]["per_second"], 0);
}

TEST_F(Guest, SamplesInTheShapesThereAre) {
    for (const auto* transport : {"ioctl", "read", "netlink", "netlink-nl", "relay", "mmap"}) {
        const auto outcome = shell_within_a_minute(
            "(" + opened + "$STATCTL set sw0 emit=5 >/dev/null) & $STATCTL -j -t " +
            std::string{transport} + " samples sw0 --count 5 --snaplen 16");
        ASSERT_EQ(outcome.status, 0) << transport << ": " << outcome.err;
        const auto objects = json_lines(outcome.out);
        ASSERT_EQ(objects.size(), 6U) << transport << ": " << outcome.out;
        EXPECT_EQ(objects[0]["captured"], 16);
        EXPECT_EQ(objects[0]["length"], 128);
        EXPECT_EQ(objects[0]["interface"], "sw0");
        EXPECT_EQ(objects[5]["type"], "ledger");
        EXPECT_EQ(objects[5]["shown"], 5);
        EXPECT_EQ(objects[5]["total"]["received"], 5);
        EXPECT_EQ(objects[5]["total"]["in_flight"], 0);
    }
}

TEST_F(Guest, SignalsEndCleanlyWithTheLedger) {
    for (const std::string signal : {"INT", "TERM"}) {
        const auto outcome = shell_within_a_minute(
            fmt::format("$STATCTL samples sw0 & {}{}kill -{} $!; wait $!", ready, opened, signal));
        EXPECT_EQ(outcome.status, 0) << outcome.err;
        EXPECT_NE(outcome.err.find("0 samples of sw0 over mmap"), std::string::npos) << outcome.err;
        EXPECT_NE(outcome.err.find("PRODUCED"), std::string::npos) << outcome.err;
    }
    for (const std::string command : {"monitor", "watch sw0"}) {
        const auto outcome = shell_within_a_minute(
            fmt::format("$STATCTL {} & {}kill -INT $!; wait $!", command, ready));
        EXPECT_EQ(outcome.status, 0) << command << ": " << outcome.err;
        const bool has_account = command.starts_with("watch");
        EXPECT_EQ(
            outcome.err.find(" snapshots of sw0 over mmap: generations ") != std::string::npos,
            has_account)
            << outcome.err;
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), has_account ? 1 : 0)
            << outcome.err;
    }
}

TEST_F(Guest, ReaderThatLeavesEndsAnIdleStream) {
    const auto outcome = test::shell(
        "{ timeout 10 $STATCTL samples sw0 2>/dev/null; echo status $? >&2; } | true;"
        "{ timeout 10 $STATCTL monitor; echo status $? >&2; } | true");
    EXPECT_EQ(outcome.err, "status 0\nstatus 0\n");
}

TEST_F(Guest, SourceThatGoesIsAnEndNotAFailure) {
    const auto outcome =
        shell_within_a_minute("(" + opened + "$STATCTL source del sw0) & $STATCTL samples sw0");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_NE(outcome.err.find("read samples of 'sw0': end of stream: source is gone"),
              std::string::npos)
        << outcome.err;
}

TEST_F(Guest, SourceThatGoesBeforeTheCountIsAFailure) {
    const auto outcome = shell_within_a_minute(
        "(" + opened + "$STATCTL source del sw0) & $STATCTL samples sw0 --count 3");
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    EXPECT_NE(outcome.err.find("end of stream: source is gone after 0 of 3 samples"),
              std::string::npos)
        << outcome.err;
}

TEST_F(Guest, MonitorTellsOfSources) {
    const auto outcome = shell_within_a_minute(
        "file=$(mktemp); $STATCTL -j monitor >$file & "
        // It listens as soon as it has told of anything.
        "until [ -s $file ]; do $STATCTL set sw0 size=99 >/dev/null; done;"
        "$STATCTL source add synth sw1 >/dev/null; $STATCTL source del sw1;"
        "until grep -q source_gone $file; do :; done; kill $!; wait $!; cat $file; rm $file");
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    auto objects = json_lines(outcome.out);
    std::erase_if(objects, [](const Json& event) { return event["event"] == "source_changed"; });
    ASSERT_EQ(objects.size(), 2U) << outcome.out;
    EXPECT_EQ(objects[0]["event"], "source_added");
    EXPECT_EQ(objects[0]["source"], "sw1");
    EXPECT_EQ(objects[1]["event"], "source_gone");
}

TEST_F(Guest, CaptureToAPipe) {
    if (!test::has_program("tcpdump")) GTEST_SKIP() << "no tcpdump here";
    const auto outcome = shell_within_a_minute(
        "(" + opened +
        "$STATCTL set sw0 emit=3 >/dev/null) &"
        "$STATCTL samples sw0 --count 3 -w - | tcpdump -r - --count 2>/dev/null");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "3 packets\n") << outcome.err;
}

TEST_F(Guest, FullDiskIsTold) {
    const auto outcome = shell_within_a_minute("(" + opened +
                                               "$STATCTL set sw0 emit=9 >/dev/null) &"
                                               "$STATCTL samples sw0 --seconds 5 -w /dev/full");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.err.find("write '/dev/full': No space left on device"), std::string::npos)
        << outcome.err;
}

TEST_F(Guest, LedgerOfSomeoneElse) {
    const auto outcome = shell_within_a_minute("$STATCTL samples sw0 -q 2>/dev/null & " + opened +
                                               "$STATCTL -j ledger; kill $!");
    const auto channels = Json::parse(outcome.out);
    ASSERT_EQ(channels.size(), 1U) << outcome.out;
    EXPECT_EQ(channels[0]["source"], "sw0");
    EXPECT_EQ(channels[0]["transport"], "mmap");
    EXPECT_EQ(channels[0]["effective"]["buffer_size"], 1048576);
}

}  // namespace
