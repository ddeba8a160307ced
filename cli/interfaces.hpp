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
    /// @p source: the name of what is read. If an interface is called that, it is looked up at
    /// once; records that come from no interface are called that, too.
    explicit Interfaces(std::string source);

    [[nodiscard]] const Interface& find(std::uint32_t ifindex);
    /// Of the source; 0 if no interface is called that.
    [[nodiscard]] std::uint32_t of_source() const noexcept { return of_source_; }

  private:
    std::string source_;
    std::uint32_t of_source_ = 0;
    std::map<std::uint32_t, Interface> known_;
};

}  // namespace statctl
