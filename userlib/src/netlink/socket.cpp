// SPDX-License-Identifier: MIT
#include "socket.hpp"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace statchan::detail {
namespace {

constexpr timeval answer_limit{.tv_sec = 30, .tv_usec = 0};

}  // namespace

Result<void> configure_socket(int fd, const SocketOptions& options) {
    const Task task{"set up a netlink socket"};
    const int on = 1;
    // Sentences for people, and errors that do not repeat the request. Old kernels lack them.
    (void)::setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    (void)::setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer_limit, sizeof answer_limit) < 0)
        return fail_errno(errno, task);
    if (options.receive_buffer == 0) return {};
    // The kernel doubles what it is told, for its overhead.
    const int half = static_cast<int>(std::min<std::size_t>(options.receive_buffer, INT_MAX) / 2);
    // By force needs CAP_NET_ADMIN and may exceed the system's limit; else as far as that goes.
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof half) < 0 &&
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &half, sizeof half) < 0)
        return fail_errno(errno, task);
    return {};
}

std::size_t receive_buffer_of(int fd) noexcept {
    int bytes = 0;
    socklen_t len = sizeof bytes;
    if (::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len) < 0 || bytes < 0) return 0;
    return static_cast<std::size_t>(bytes);
}

std::optional<std::uint64_t> drops_of(int fd) noexcept {
    std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
    socklen_t len = sizeof info;
    if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &len) < 0) return std::nullopt;
    if (len <= SK_MEMINFO_DROPS * sizeof info[0]) return std::nullopt;
    return info[SK_MEMINFO_DROPS];
}

Result<void> set_nonblocking(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return fail_errno(errno, {"set up a netlink socket"});
    return {};
}

Result<void> join_group(int fd, std::uint32_t group, Task task) {
    if (::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
        return fail_errno(errno, task);
    return {};
}

}  // namespace statchan::detail
