// SPDX-License-Identifier: MIT
//
// The transports netlink and netlink-nl but for the library that carries the messages.
#pragma once

#include <memory>
#include <string_view>

#include "../transport.hpp"
#include "socket.hpp"

namespace statchan::detail {

/// @p name in the table; @p factory makes sockets of the library.
[[nodiscard]] Result<std::unique_ptr<Transport>> open_netlink_transport(std::string_view name,
                                                                        SocketFactory factory);

/// Sockets of libmnl: also for the events of transports without a socket.
[[nodiscard]] Result<std::unique_ptr<Socket>> open_mnl_socket(const SocketOptions& options);

}  // namespace statchan::detail
