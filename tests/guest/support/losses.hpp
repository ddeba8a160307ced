// SPDX-License-Identifier: MIT
//
// The table of losses: what a test made happen, and what the books say of it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace lab {

/// A row: @p injected losses were caused on @p transport, @p accounted were told. A difference
/// fails the test.
void report_losses(const std::string& transport, const std::string& cause, std::uint64_t injected,
                   std::uint64_t accounted);

/// Prints the rows at the end.
class LossTable : public testing::EmptyTestEventListener {
  public:
    void OnTestIterationEnd(const testing::UnitTest& unit_test, int iteration) override;
};

}  // namespace lab
