// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <statchan/event.hpp>

namespace statchan::detail {

/// Where events come from.
class EventBackend {
  public:
    virtual ~EventBackend() = default;
    [[nodiscard]] virtual Result<std::optional<Event>> next(nanoseconds timeout) = 0;
    [[nodiscard]] virtual int fd() const noexcept = 0;
};

}  // namespace statchan::detail
