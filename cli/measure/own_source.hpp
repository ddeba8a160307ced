// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <statchan/error.hpp>
#include <string>

namespace statctl::measure {

/// A synth of our own for the time of a point, or of several. Gone with the object.
class OwnSource {
  public:
    OwnSource() = default;
    OwnSource(const OwnSource&) = delete;
    OwnSource& operator=(const OwnSource&) = delete;
    ~OwnSource() { drop(); }

    /// Its name; sized so that a snapshot has @p bytes of counters; 0: few.
    statchan::Result<std::string> with(std::uint64_t bytes);

  private:
    void drop();
    std::string name_;
    std::uint64_t bytes_ = 0;
};

}  // namespace statctl::measure
