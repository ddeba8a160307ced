// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "../event_backend.hpp"
#include "socket.hpp"

namespace statchan::detail {

/// Joins the multicast group of events on a socket of its own.
[[nodiscard]] Result<std::unique_ptr<EventBackend>> open_netlink_events(SocketFactory factory);

}  // namespace statchan::detail
