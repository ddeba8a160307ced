// SPDX-License-Identifier: MIT
//
// The table of bugs that kernel rings and telemetry families were broken by: each is tried here, by
// the suites that it names.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace lab {

/// Notes which suites ran over what, and prints the table at the end.
class BugClasses : public testing::EmptyTestEventListener {
  public:
    void OnTestEnd(const testing::TestInfo& test) override;
    void OnTestIterationEnd(const testing::UnitTest& unit_test, int iteration) override;

    /// Of what was to run, a row has no test that ran and passed, or none over something that it
    /// is to be over; or a suite called Hostile... is in no row.
    [[nodiscard]] bool incomplete() const noexcept { return incomplete_; }

  private:
    struct Ran {
        std::set<std::string> over;  // transports, or what else is the parameter
        int passed = 0;
        int failed = 0;
    };
    std::map<std::string, Ran> suites_;
    bool incomplete_ = false;
};

}  // namespace lab
