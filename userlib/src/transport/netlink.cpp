// SPDX-License-Identifier: MIT
//
// netlink: generic netlink through libmnl, the lean way: datagrams are received into one
// buffer and read where they lie; the bulk of a dump is received where it will stay.
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "../buffer.hpp"
#include "../netlink/scatter.hpp"
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
    [[nodiscard]] std::size_t held() const noexcept override { return before_ + used_; }
    void release() noexcept override { block_ = before_ = used_ = 0; }

  private:
    // Heads of pieces are shorter than this.
    static constexpr std::size_t head_bytes = 256;
    // Datagrams that are held lie one after another in blocks, which are used again. The first
    // has room for one: a socket for answers needs no other.
    static constexpr std::size_t block_bytes = 4 * datagram_bytes;
    [[nodiscard]] std::byte* room();
    [[nodiscard]] Result<Received> receive_scattered(Receiver& receiver,
                                                     std::span<std::byte> place);
    [[nodiscard]] Result<Received> hand_over(std::span<const std::byte> messages,
                                             Receiver& receiver);
    void hand_over(const nlmsghdr* header, Receiver& receiver);

    MnlHandle handle_;
    std::size_t data_at_ = 0;  // in the last message that had DATA, since the last request
    std::vector<Buffer> blocks_;
    std::size_t block_ = 0;   // the one in use,
    std::size_t used_ = 0;    // bytes of it, and
    std::size_t before_ = 0;  // bytes of those before it
};

std::byte* MnlSocket::room() {
    if (block_ < blocks_.size() && blocks_[block_].size() - used_ < datagram_bytes) {
        ++block_;
        before_ += std::exchange(used_, 0);
    }
    if (block_ == blocks_.size()) blocks_.emplace_back(block_ == 0 ? datagram_bytes : block_bytes);
    return blocks_[block_].bytes().data() + used_;
}

Result<void> MnlSocket::send(std::span<std::byte> message) {
    data_at_ = 0;
    if (mnl_socket_sendto(handle_.get(), message.data(), message.size()) < 0)
        return fail_errno(errno, {"send to the netlink socket"});
    return {};
}

Result<Received> nothing_received(int err) {
    switch (err) {
        case EAGAIN:
            return Received::nothing;
        case ENOBUFS:
            return Received::overrun;
        case ENOSPC:  // libmnl's word for MSG_TRUNC
            return Received::truncated;
        default:
            return fail_errno(err, receive_task);
    }
}

Result<Received> MnlSocket::receive(Receiver& receiver) {
    const auto place = receiver.place_of_data();
    if (!place.empty() && data_at_ != 0 && data_at_ <= head_bytes)
        return receive_scattered(receiver, place);
    auto* at = room();
    ssize_t got = 0;
    do {
        got = mnl_socket_recvfrom(handle_.get(), at, datagram_bytes);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return nothing_received(errno);
    const auto bytes = static_cast<std::size_t>(got);
    // The next datagram begins aligned to 8, as the records in it must be.
    used_ += (bytes + 7) & ~std::size_t{7};
    return hand_over({at, bytes}, receiver);
}

// See scatter.hpp. libmnl has no receive of this kind; the socket is all the same.
Result<Received> MnlSocket::receive_scattered(Receiver& receiver, std::span<std::byte> place) {
    alignas(8) std::byte head[head_bytes];
    auto* spill = room();
    iovec parts_of[] = {{head, data_at_}, {place.data(), place.size()}, {spill, datagram_bytes}};
    msghdr datagram{};
    datagram.msg_iov = parts_of;
    datagram.msg_iovlen = std::size(parts_of);
    ssize_t got = 0;
    do {
        got = ::recvmsg(fd(), &datagram, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return nothing_received(errno);
    if ((datagram.msg_flags & MSG_TRUNC) != 0) return Received::truncated;

    const auto parts =
        cut_parts({head, data_at_}, place, {spill, datagram_bytes}, static_cast<std::size_t>(got));
    const auto message = read_scattered(parts);
    if (!message) return hand_over(gather(parts, 0), receiver);
    receiver.on_message(*message);
    const auto rest = gather(parts, data_at_ + message->attrs.bytes(STATCHAN_A_DATA).size());
    return rest.empty() ? Received::some : hand_over(rest, receiver);
}

// libmnl takes a length of 2 GiB and more for a negative one, which fits everywhere.
bool is_whole(const nlmsghdr* header, int left) {
    return mnl_nlmsg_ok(header, left) && header->nlmsg_len <= static_cast<std::uint32_t>(left);
}

Result<Received> MnlSocket::hand_over(std::span<const std::byte> messages, Receiver& receiver) {
    int left = static_cast<int>(messages.size());
    for (const auto* header = reinterpret_cast<const nlmsghdr*>(messages.data());
         is_whole(header, left); header = mnl_nlmsg_next(header, &left))
        hand_over(header, receiver);
    if (left > 0) return fail_data(receive_task, "a message is cut");
    return Received::some;
}

void MnlSocket::hand_over(const nlmsghdr* header, Receiver& receiver) {
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
    const auto data = message.attrs.bytes(STATCHAN_A_DATA);
    if (!data.empty())
        data_at_ =
            static_cast<std::size_t>(data.data() - reinterpret_cast<const std::byte*>(header));
    receiver.on_message(message);
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
