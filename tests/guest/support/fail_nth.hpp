// SPDX-License-Identifier: MIT
//
// The kernel's own fault injection, stepped through every place of an operation: the n-th thing
// in it that may fail (slab, pages, a copy from or to user space) fails, n = 1, 2, 3, ... until
// there is no n-th. See Documentation/fault-injection/fault-injection.rst, fail-nth.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <statchan/error.hpp>
#include <string>

namespace lab {

/// The error of an attempt that was refused.
using Refusal = std::optional<statchan::Error>;

template <class T>
Refusal refusal(const statchan::Result<T>& result) {
    return result ? std::nullopt : Refusal{result.error()};
}

/// An error that says that something lacked: memory, or a copy to or from user space failed.
bool is_fault(const statchan::Error& error);

/// Of what a task does in the kernel from now on, the n-th thing that may fail fails. At its end
/// nothing is armed.
class FailNth {
  public:
    /// @p task: 0 is the calling thread.
    explicit FailNth(unsigned nth, int task = 0);
    FailNth(const FailNth&) = delete;
    FailNth& operator=(const FailNth&) = delete;
    ~FailNth();

    /// There was an n-th.
    [[nodiscard]] bool fired() const { return left() == 0; }
    /// How far it is to it.
    [[nodiscard]] unsigned left() const;

  private:
    int fd_;
};

/// What became of the places of one operation.
struct FaultCounts {
    unsigned places = 0;   ///< that there are
    unsigned failed = 0;   ///< one in each attempt
    unsigned refused = 0;  ///< attempts that said so
    unsigned kept = 0;     ///< attempts after which something was there that was not before
};

/// What is tried, with what goes before and after it without faults.
struct Operation {
    std::function<void()> before = [] {};
    std::function<Refusal()> attempt;
    std::function<void()> after = [] {};
    unsigned tries = 600;  ///< places that are tried at most, spread over those that there are
    bool calls_nothing = false;  ///< the kernel is not asked: there is no place
};

/// Tries with each place in the attempt failed once, or, of an operation that has very many, with
/// some of them. It may succeed all the same; if it does not, the error must be a fault. Stops at
/// the first failure of the test.
FaultCounts fail_every_place(const Operation& operation);

/// A row of the table that the suite ends with.
void report_faults(const std::string& operation, const std::string& transport,
                   const FaultCounts& counts);

class FaultTable : public testing::EmptyTestEventListener {
  public:
    void OnTestIterationEnd(const testing::UnitTest& unit_test, int iteration) override;
};

}  // namespace lab
