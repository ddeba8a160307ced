// SPDX-License-Identifier: MIT
//
// The seam between what statchan says over netlink and the library that carries it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "../fail.hpp"
#include "wire.hpp"

namespace statchan::detail {

/// Gets what a Socket receives.
class Receiver {
  public:
    virtual ~Receiver() = default;
    /// Whether the message must stay until Socket::release(); else it may be gone on return.
    virtual bool on_message(const Message& message) = 0;
    virtual void on_verdict(const Verdict& verdict) = 0;
    /// Where the payload of the next STATCHAN_A_DATA will be put, if that is known: a socket may
    /// receive it right there. What else is written there is overwritten by the next.
    virtual std::span<std::byte> place_of_data() noexcept { return {}; }
};

/// What one receive() found.
enum class Received {
    some,       ///< at least one datagram, handed to the Receiver
    nothing,    ///< none was there (or came in time, on a blocking socket)
    overrun,    ///< the receive buffer was full: the kernel threw datagrams away
    truncated,  ///< a datagram did not fit into datagram_bytes and was thrown away
};

/// A new socket waits for answers, but no longer than 30 s; see set_nonblocking().
struct SocketOptions {
    std::size_t receive_buffer = 0;  ///< bytes; 0: the system's default
};

/// A generic netlink socket. One implementation per socket library.
class Socket {
  public:
    virtual ~Socket() = default;

    [[nodiscard]] virtual int fd() const noexcept = 0;

    /// Sends a finished request.
    [[nodiscard]] virtual Result<void> send(std::span<std::byte> message) = 0;

    /// Receives a datagram (or all of a dump, where the library does that by itself) and hands
    /// over its messages.
    [[nodiscard]] virtual Result<Received> receive(Receiver& receiver) = 0;

    /// Bytes held for release().
    [[nodiscard]] virtual std::size_t held() const noexcept = 0;

    /// Lets go of every message that was to stay.
    virtual void release() noexcept = 0;
};

using SocketFactory = Result<std::unique_ptr<Socket>> (*)(const SocketOptions& options);

/// Socket options that both libraries leave to setsockopt(): sentences with errors, errors that do
/// not repeat the request, time limit, receive buffer.
[[nodiscard]] Result<void> configure_socket(int fd, const SocketOptions& options);

/// Receive buffer in force, as the kernel counts it.
[[nodiscard]] std::size_t receive_buffer_of(int fd) noexcept;

/// Messages that the socket has thrown away, by its own count.
[[nodiscard]] std::optional<std::uint64_t> drops_of(int fd) noexcept;

/// From now on receive() does not wait.
[[nodiscard]] Result<void> set_nonblocking(int fd);

/// Joins a multicast group by number.
[[nodiscard]] Result<void> join_group(int fd, std::uint32_t group, Task task);

}  // namespace statchan::detail
