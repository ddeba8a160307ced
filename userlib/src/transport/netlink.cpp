// SPDX-License-Identifier: MIT
//
// netlink: generic netlink through libmnl, the lean way: datagrams are received into one
// buffer and read where they lie.
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "../buffer.hpp"
#include "../netlink/socket.hpp"
#include "../netlink/transport.hpp"

namespace statchan::detail {
namespace {

constexpr Task receive_task{"receive from the netlink socket"};

struct CloseSocket {
    void operator()(mnl_socket* s) const noexcept { mnl_socket_close(s); }
};
using MnlHandle = std::unique_ptr<mnl_socket, CloseSocket>;

int collect_attr(const nlattr* attr, void* attrs) {
    static_cast<Attrs*>(attrs)->set(attr);
    return MNL_CB_OK;
}

class MnlSocket final : public Socket {
  public:
    explicit MnlSocket(MnlHandle handle) : handle_{std::move(handle)} {}

    [[nodiscard]] int fd() const noexcept override { return mnl_socket_get_fd(handle_.get()); }
    [[nodiscard]] Result<void> send(std::span<std::byte> message) override;
    [[nodiscard]] Result<Received> receive(Receiver& receiver) override;
    [[nodiscard]] std::size_t held() const noexcept override {
        return block_ * block_bytes + used_;
    }
    void release() noexcept override { block_ = used_ = 0; }

  private:
    // Datagrams that are held lie one after another in blocks, which are used again.
    static constexpr std::size_t block_bytes = 4 * datagram_bytes;
    [[nodiscard]] std::byte* room();

    MnlHandle handle_;
    std::vector<Buffer> blocks_;
    std::size_t block_ = 0;  // the one in use, and
    std::size_t used_ = 0;   // bytes of it
};

void hand_over(const nlmsghdr* header, Receiver& receiver) {
    if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
        return receiver.on_verdict(parse_verdict(*header));
    if (header->nlmsg_type < NLMSG_MIN_TYPE ||
        mnl_nlmsg_get_payload_len(header) < sizeof(genlmsghdr))
        return;
    const auto* genl = static_cast<const genlmsghdr*>(mnl_nlmsg_get_payload(header));
    Message message{.type = header->nlmsg_type,
                    .flags = header->nlmsg_flags,
                    .seq = header->nlmsg_seq,
                    .cmd = genl->cmd};
    mnl_attr_parse(header, sizeof(genlmsghdr), collect_attr, &message.attrs);
    receiver.on_message(message);
}

std::byte* MnlSocket::room() {
    if (block_bytes - used_ < datagram_bytes) {
        ++block_;
        used_ = 0;
    }
    if (block_ == blocks_.size()) blocks_.emplace_back(block_bytes);
    return blocks_[block_].bytes().data() + used_;
}

Result<void> MnlSocket::send(std::span<std::byte> message) {
    if (mnl_socket_sendto(handle_.get(), message.data(), message.size()) < 0)
        return fail_errno(errno, {"send to the netlink socket"});
    return {};
}

Result<Received> MnlSocket::receive(Receiver& receiver) {
    auto* at = room();
    ssize_t got = 0;
    do {
        got = mnl_socket_recvfrom(handle_.get(), at, datagram_bytes);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        switch (errno) {
            case EAGAIN:
                return Received::nothing;
            case ENOBUFS:
                return Received::overrun;
            case ENOSPC:  // libmnl's word for MSG_TRUNC
                return Received::truncated;
            default:
                return fail_errno(errno, receive_task);
        }
    }
    // The next datagram begins aligned to 8, as the records in it must be.
    used_ += (static_cast<std::size_t>(got) + 7) & ~std::size_t{7};
    int left = static_cast<int>(got);
    for (const auto* header = reinterpret_cast<const nlmsghdr*>(at); mnl_nlmsg_ok(header, left);
         header = mnl_nlmsg_next(header, &left))
        hand_over(header, receiver);
    if (left > 0) return fail_data(receive_task, "a message is cut");
    return Received::some;
}

}  // namespace

Result<std::unique_ptr<Socket>> open_mnl_socket(const SocketOptions& options) {
    const Task task{"open a netlink socket"};
    MnlHandle handle{mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC)};
    if (!handle) return fail_errno(errno, task);
    if (mnl_socket_bind(handle.get(), 0, MNL_SOCKET_AUTOPID) < 0) return fail_errno(errno, task);
    if (auto set = configure_socket(mnl_socket_get_fd(handle.get()), options); !set)
        return pass_on(std::move(set.error()));
    return std::make_unique<MnlSocket>(std::move(handle));
}

Result<std::unique_ptr<Transport>> open_netlink(const ClientOptions&) {
    return open_netlink_transport("netlink", open_mnl_socket);
}

}  // namespace statchan::detail
