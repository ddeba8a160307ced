// SPDX-License-Identifier: MIT
//
// What the calling thread reached in the kernel: KCOV, whose points are in our modules alone.
// See Documentation/dev-tools/kcov.rst.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_set>

namespace fuzz {

/// Of one thread, which must be the one that calls everything here.
class Trace {
  public:
    Trace();
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;
    ~Trace();

    void start();
    /// The points passed since then, in order; good until the next start().
    std::span<const std::uint64_t> stop();

  private:
    int fd_ = -1;
    std::uint64_t* area_ = nullptr;
};

/// What all programs together reached.
class Reached {
  public:
    /// Whether there is a point, or a step from one to another, that is new.
    bool add(std::span<const std::uint64_t> points);
    [[nodiscard]] std::size_t points() const { return points_.size(); }
    /// One address per line, as "MODULE SECTION OFFSET" (hexadecimal), for coverage.py.
    void write(const std::string& path) const;

  private:
    std::unordered_set<std::uint64_t> points_;
    std::unordered_set<std::uint64_t> steps_;
};

}  // namespace fuzz
