// SPDX-License-Identifier: MIT
//
// What the kernel holds and says: nothing may remain of a test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lab {

/// Everything of statchan's that is there now, a line each: channels, sources, folders in
/// debugfs, memory areas. Empty between tests.
std::vector<std::string> kernel_holdings();

/// Lines of /proc/vmallocinfo that the project's modules allocated.
std::vector<std::string> kernel_areas();

/// References to a loaded module; -1 if it is not loaded.
int module_users(const std::string& module);

/// Folders of relay channels.
std::vector<std::string> relay_folders();

/// After each test: fails it if the kernel holds anything of it, or has complained meanwhile.
class KernelWatch : public testing::EmptyTestEventListener {
  public:
    KernelWatch();
    ~KernelWatch() override;
    void OnTestStart(const testing::TestInfo& test) override;
    void OnTestEnd(const testing::TestInfo& test) override;

  private:
    [[nodiscard]] std::vector<std::string> new_complaints() const;
    int log_ = -1;
};

}  // namespace lab
