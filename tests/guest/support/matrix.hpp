// SPDX-License-Identifier: MIT
//
// The last page of the report: which guarantee was held on which transport.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace lab {

/// Counts the tests of each suite by transport and prints the table at the end.
class GuaranteeMatrix : public testing::EmptyTestEventListener {
  public:
    void OnTestEnd(const testing::TestInfo& test) override;
    void OnTestIterationEnd(const testing::UnitTest& unit_test, int iteration) override;

  private:
    struct Cell {
        int passed = 0;
        int failed = 0;
        int skipped = 0;
    };
    [[nodiscard]] static std::string text(const Cell& cell);

    std::vector<std::string> suites_;  // in the order of the run
    std::map<std::string, std::map<std::string, Cell>> cells_;
};

}  // namespace lab
