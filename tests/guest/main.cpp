// SPDX-License-Identifier: MIT
//
// The guest suite: what statchan promises, held against the running kernel, over every
// transport. Runs as root in the lab with the modules loaded: tests/guest/run.
#include <gtest/gtest.h>

#include <csignal>

#include "support/bug_classes.hpp"
#include "support/fail_nth.hpp"
#include "support/kernel.hpp"
#include "support/losses.hpp"
#include "support/matrix.hpp"

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    std::signal(SIGPIPE, SIG_IGN);
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    // Ends are told to the last listener first: the watch may still fail the test, the matrix
    // counts it, the printer prints it.
    auto* const bug_classes = new lab::BugClasses;
    listeners.Append(new lab::FaultTable);
    listeners.Append(new lab::LossTable);
    listeners.Append(bug_classes);
    listeners.Append(new lab::GuaranteeMatrix);
    listeners.Append(new lab::KernelWatch);
    const int failed = RUN_ALL_TESTS();
    return failed != 0 || bug_classes->incomplete() ? 1 : 0;
}
