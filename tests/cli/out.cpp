// SPDX-License-Identifier: MIT
//
// Standard output that is closed, full, or no longer read.
#include "out.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

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
}

TEST(Output, ClosedStreamsDoNoHarm) {
    EXPECT_EQ(test::shell("$STATCTL transports >&- 2>&- <&-").status, 0);
}

TEST(Output, NoEscapesWhenNotATerminal) {
    EXPECT_EQ(test::statctl({"transports"}).out.find('\033'), std::string::npos);
}

TEST(Output, ASignalEndsAWriteThatNobodyReads) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const auto child = ::fork();
    if (child == 0) {
        ::alarm(20);  // a hang is a failure
        statctl::catch_stop_signals();
        statctl::Out out{ends[1]};
        out.write(std::string(1U << 20, 'x'));
        std::_Exit(out.error());
    }
    ::usleep(200'000);
    ::kill(child, SIGINT);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), EINTR);
    ::close(ends[0]);
    ::close(ends[1]);
}

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
