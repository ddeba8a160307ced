// SPDX-License-Identifier: MIT
//
// Standard output that is closed, full, or no longer read.
#include "out.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <vector>

#include "run.hpp"
#include "signals.hpp"

namespace {

TEST(Output, BrokenPipeIsNoError) {
    const auto outcome = test::shell(
        "{ sleep 0.2; STATCHAN_TRANSPORT=ioctl $STATCTL -j transports 2>/dev/null; "
        "echo status $? >&2; } | true");
    EXPECT_EQ(outcome.err, "status 0\n");
}

TEST(Output, FullDeviceIsAnError) {
    const auto outcome = test::shell("$STATCTL transports 2>&1 >/dev/full | grep -v note:");
    EXPECT_EQ(outcome.out, "statctl: write standard output: No space left on device\n");
    EXPECT_EQ(test::shell("$STATCTL transports >/dev/full").status, 1);
    EXPECT_EQ(test::shell("$STATCTL --help 2>/dev/null >/dev/full").status, 1);
    EXPECT_EQ(test::shell("$STATCTL --version 2>/dev/null >/dev/full").status, 1);
}

TEST(Output, ComplaintsThatNobodyHearsDoNoHarm) {
    EXPECT_EQ(test::shell("$STATCTL get nosuch 2>/dev/full").status, 1);
    EXPECT_EQ(test::shell("$STATCTL nosuch 2>/dev/full").status, 2);
    EXPECT_EQ(test::shell("$STATCTL transports 2>/dev/full >/dev/null").status, 0);
}

// Who has left has not seen what went wrong; the status tells.
TEST(Output, FailureIsAFailureWithoutAReader) {
    const auto outcome = test::shell(
        "{ sleep 0.2; $STATCTL report /nosuch/result 2>/dev/null; echo status $? >&2; } | true");
    EXPECT_EQ(outcome.err, "status 1\n");
}

TEST(Output, ClosedStreamsDoNoHarm) {
    EXPECT_EQ(test::shell("$STATCTL transports >&- 2>&- <&-").status, 0);
}

TEST(Output, NoEscapesWhenNotATerminal) {
    EXPECT_EQ(test::statctl({"transports"}).out.find('\033'), std::string::npos);
}

class OutputNobodyReads : public testing::TestWithParam<int> {};

TEST_P(OutputNobodyReads, IsEndedByASignal) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), GetParam()), 0);
    const auto child = ::fork();
    if (child == 0) {
        ::alarm(20);  // a hang is a failure
        statctl::catch_stop_signals();
        statctl::Out out{ends[1]};
        out.write(std::string(1U << 20, 'x'));
        std::_Exit(out.error());
    }
    for (int waiting = 0, tries = 0; waiting < 65'536 && tries < 2000; ++tries) {
        ASSERT_EQ(::ioctl(ends[0], FIONREAD, &waiting), 0);
        ::usleep(10'000);
    }
    ::kill(child, SIGINT);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), EINTR);
    ::close(ends[0]);
    ::close(ends[1]);
}

// Slow is not gone: what was written before the signal arrives whole.
TEST_P(OutputNobodyReads, ASlowReaderGetsAll) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), GetParam()), 0);
    constexpr std::size_t all = 1U << 20;
    const auto child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        ::alarm(20);
        statctl::catch_stop_signals();
        statctl::Out out{ends[1]};
        out.write(std::string(all, 'x'));
        std::_Exit(out.error());
    }
    ::close(ends[1]);
    std::vector<char> room(16'384);
    std::size_t got = 0;
    pollfd ready{.fd = ends[0], .events = POLLIN, .revents = 0};
    while (::poll(&ready, 1, 20'000) == 1) {
        if (got == room.size()) ::kill(child, SIGINT);
        const auto n = ::read(ends[0], room.data(), room.size());
        if (n == 0) break;
        ASSERT_GT(n, 0);
        got += static_cast<std::size_t>(n);
        ::usleep(2000);
    }
    EXPECT_EQ(got, all);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    ::close(ends[0]);
}

INSTANTIATE_TEST_SUITE_P(, OutputNobodyReads, testing::Values(0, O_NONBLOCK),
                         [](const auto& flags) { return flags.param == 0 ? "waits" : "polls"; });

TEST(Output, NoticesThatTheReaderOfAPipeLeft) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    statctl::Out out{ends[1]};
    EXPECT_FALSE(out.reader_gone());
    ::close(ends[0]);
    EXPECT_TRUE(out.reader_gone());
    EXPECT_EQ(out.error(), EPIPE);
    ::close(ends[1]);
}

}  // namespace
