// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "packet.hpp"

namespace statctl {

/// What the numbers in records stand for.
struct Interface {
    std::string name;
    Link link = Link::opaque;
};

/// Interfaces of this network namespace by index. Remembers: an interface may be gone before
/// its last records are shown.
class Interfaces {
  public:
    /// @p fallback: name for records that come from no interface.
    explicit Interfaces(std::string fallback) : fallback_{std::move(fallback)} {}

    [[nodiscard]] const Interface& find(std::uint32_t ifindex);

  private:
    std::string fallback_;
    std::map<std::uint32_t, Interface> known_;
};

}  // namespace statctl
