// SPDX-License-Identifier: MIT
//
// The faults switch of the kernel (kernel/fault.c): makes a place fail.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <statchan/error.hpp>
#include <string>

namespace lab {

/// A line of the switch's file.
struct FaultState {
    std::uint64_t before = 0;  ///< uses that succeed before the next failure
    std::uint64_t left = 0;    ///< failures to come
    std::uint64_t failed = 0;  ///< failures so far
};

/// All places that the kernel knows.
std::map<std::string, FaultState> fault_places();

/// Writes to the file: 0, or the errno.
int write_faults(const std::string& text);

/// Makes the @p nth use of a place from now on fail, and the count - 1 after it. At its end it
/// switches the place off, and the test fails if the failures did not happen.
class Fault {
  public:
    static constexpr std::uint64_t always = ~0ULL;  // as a count

    explicit Fault(std::string place, std::uint64_t nth = 1, std::uint64_t count = 1);
    Fault(const Fault&) = delete;
    Fault& operator=(const Fault&) = delete;
    ~Fault();

    [[nodiscard]] std::uint64_t fired() const;

  private:
    std::string place_;
    std::uint64_t count_;
    std::uint64_t fired_before_;
};

/// How often a place is used while this lives. Nothing fails.
class FaultCount {
  public:
    explicit FaultCount(std::string place);
    FaultCount(const FaultCount&) = delete;
    FaultCount& operator=(const FaultCount&) = delete;
    ~FaultCount();

    [[nodiscard]] std::uint64_t uses() const;

  private:
    std::string place_;
};

/// There is a failure, and it says that memory lacked, and for which object.
void expect_no_memory(const std::optional<statchan::Error>& error, const std::string& object);

template <class T>
void expect_no_memory(const statchan::Result<T>& result, const std::string& object) {
    expect_no_memory(result ? std::nullopt : std::optional{result.error()}, object);
}

}  // namespace lab
