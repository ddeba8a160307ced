// SPDX-License-Identifier: MIT
//
// The generic netlink family without the library: for tests of sockets and messages themselves.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/statchan.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lab {

/// A socket of NETLINK_GENERIC that knows the family, unless the modules are not loaded.
class RawNetlink {
  public:
    RawNetlink();

    [[nodiscard]] int fd() const { return mnl_socket_get_fd(socket_.get()); }
    [[nodiscard]] std::uint16_t family() const noexcept { return family_; }
    /// Number of a multicast group; 0: there is none of that name.
    [[nodiscard]] std::uint32_t group(const std::string& name) const;
    /// Joins a multicast group: 0 or the errno.
    [[nodiscard]] int join(std::uint32_t group) const;

    using Fill = std::function<void(nlmsghdr*)>;
    /// Sends a request: 0 or the errno.
    int ask(
        std::uint8_t command, int flags, const Fill& fill = [](nlmsghdr*) {});

    /// Takes one datagram with a buffer of so much; its length, more than the buffer if it was cut
    /// off, or -errno.
    std::int64_t receive(std::size_t room = 1U << 17, int flags = 0);
    /// What came with it, cut off or not.
    [[nodiscard]] const std::vector<char>& received() const noexcept { return buffer_; }
    /// A u32 of the message that came with it; 0: it has none.
    [[nodiscard]] std::uint32_t received_u32(std::uint16_t attribute) const;

    /// What a message or a dump came to.
    struct Answer {
        int error = 0;             ///< errno that ended it; ELOOP: it does not end
        bool cut = false;          ///< at least one datagram was larger than the buffer
        std::size_t messages = 0;  ///< of the family
        std::string data{};        ///< of all STATCHAN_A_DATA
    };
    /// Receives up to NLMSG_DONE or an acknowledgment, with a buffer of so much.
    Answer finish(std::size_t room = 1U << 17);
    /// Takes all that is there; false if it does not end.
    [[nodiscard]] bool drain();

  private:
    void find_family();

    std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket_;
    std::uint16_t family_ = 0;
    std::map<std::string, std::uint32_t> groups_;
    std::vector<char> buffer_;
};

/// Calls for each attribute of a generic netlink message.
void each_attribute(const nlmsghdr* head, const std::function<void(const nlattr*)>& take);

}  // namespace lab
