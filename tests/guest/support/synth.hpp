// SPDX-License-Identifier: MIT
//
// A source of kind synth for one test: quiet until told to emit.
#pragma once

#include <cstdint>
#include <statchan/statchan.hpp>
#include <string>
#include <string_view>

namespace lab {

/// Makes a source with run=0 and few counters, and removes it at the end. Emits what a test asks
/// for: no more, no less, and all of it before emit() returns.
class Synth {
  public:
    explicit Synth(std::string_view params = "", std::string_view name = "");
    Synth(const Synth&) = delete;
    Synth& operator=(const Synth&) = delete;
    ~Synth();

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] statchan::SourceInfo info() const;

    /// Offers @p count packets on each producing CPU; returns when all are offered.
    void emit(std::uint64_t count, std::string_view params = "");
    void set(std::string_view params);
    /// Removes the source now.
    void remove();
    /// Somebody else has removed it.
    void forget() noexcept { removed_ = true; }

  private:
    mutable statchan::Client client_;
    std::string name_;
    bool removed_ = false;
};

/// A kernel thread that emits for a synth; 0 if none does.
int synth_producer();

/// Sizes a synth so that it has this many counters: a power of two, from 8.
std::string synth_counters(std::uint64_t counters);

/// Checks every counter of a snapshot of a synth: the first wrong one fails the test.
void expect_synth_counters(const statchan::SnapshotView& snapshot);

}  // namespace lab
