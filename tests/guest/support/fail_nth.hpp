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
#include <set>
#include <statchan/error.hpp>
#include <string>
#include <system_error>

namespace lab {

/// The error of an attempt that was refused.
using Refusal = std::optional<statchan::Error>;

template <class T>
Refusal refusal(const statchan::Result<T>& result) {
    return result ? std::nullopt : Refusal{result.error()};
}
/// The same of a system call: its errno, or 0.
Refusal refusal_by(int err);

/// What an operation may be refused with.
using Errors = std::set<std::errc>;

/// Of all that takes memory, and has something copied from or to user space.
inline const Errors lack{std::errc::not_enough_memory, std::errc::bad_address};

bool is_one_of(const statchan::Error& error, const Errors& errors);

/// A file of the kernel's settings says something else as long as this lives.
class Setting {
  public:
    Setting(std::string path, const std::string& value);
    Setting(const Setting&) = delete;
    Setting& operator=(const Setting&) = delete;
    ~Setting();

  private:
    std::string path_;
    std::string before_;
};

/// Of what a task does in the kernel from now on, the n-th thing that may fail fails. At its end
/// nothing is armed.
class FailNth {
  public:
    /// So far that nothing comes there: as @p nth only to count.
    static constexpr unsigned far = 1U << 30;

    /// @p task: 0 is the calling thread.
    explicit FailNth(unsigned nth, int task = 0);
    FailNth(const FailNth&) = delete;
    FailNth& operator=(const FailNth&) = delete;
    ~FailNth();

    /// There was an n-th.
    [[nodiscard]] bool fired() const { return left() == 0; }
    /// How far it is to it.
    [[nodiscard]] unsigned left() const;
    /// Places so far.
    [[nodiscard]] unsigned passed() const { return nth_ - left(); }

  private:
    unsigned nth_;
    int fd_;
};

/// As long as this lives, whoever asks for 2 to the power of @p order pages at once, or for more,
/// does not get them.
class FailPages {
  public:
    explicit FailPages(unsigned order);

    /// How often that was.
    [[nodiscard]] unsigned failed() const;

  private:
    Setting order_;
    Setting times_;
    Setting probability_;  // the last: when the others are set, and until they are set back
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
    Errors errors{};       ///< it may be refused with these, and no others
    unsigned tries = 600;  ///< places that are tried at most, spread over those that there are
    unsigned last = ~0U;   ///< only so many places, the last, are of interest
    bool calls_nothing = false;  ///< the kernel is not asked: there is no place
};

/// Tries with each place in the attempt failed once, or, of an operation that has very many, with
/// some of them. It may succeed all the same; if it does not, the error must be one of its errors.
/// Stops at the first failure of the test. @p name: for its messages.
///
/// STATCHAN_FAIL_ATTEMPTS says how many places are tried at most, of each operation. Which of them
/// is another choice each time; STATCHAN_FAIL_SEED, which is printed, repeats one.
FaultCounts fail_every_place(const std::string& name, const Operation& operation);

/// A row of the table that the suite ends with.
void report_faults(const std::string& operation, const std::string& transport,
                   const FaultCounts& counts);

class FaultTable : public testing::EmptyTestEventListener {
  public:
    void OnTestIterationEnd(const testing::UnitTest& unit_test, int iteration) override;
};

}  // namespace lab
