// SPDX-License-Identifier: MIT
//
// netlink-nl: the same messages through libnl-3, the library that most monitors use: each
// datagram is received into memory of its own, copied once into a message object and handed to
// callbacks.
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "../netlink/socket.hpp"
#include "../netlink/transport.hpp"

namespace statchan::detail {
namespace {

constexpr Task nl_receive_task{"receive from the netlink socket"};

struct FreeSocket {
    void operator()(nl_sock* s) const noexcept { nl_socket_free(s); }
};
struct PutCallbacks {
    void operator()(nl_cb* cb) const noexcept { nl_cb_put(cb); }
};
struct FreeMessage {
    void operator()(nl_msg* m) const noexcept { nlmsg_free(m); }
};

class NlSocket final : public Socket {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Socket>> open(const SocketOptions& options);

    [[nodiscard]] int fd() const noexcept override { return nl_socket_get_fd(socket_.get()); }
    [[nodiscard]] Result<void> send(std::span<std::byte> message) override;
    [[nodiscard]] Result<Received> receive(Receiver& receiver) override;
    [[nodiscard]] std::size_t held() const noexcept override { return held_bytes_; }
    void release() noexcept override {
        messages_.clear();
        held_bytes_ = 0;
    }

  private:
    NlSocket() = default;
    void tell_verdict(const nlmsghdr& header);
    static int on_valid(nl_msg* msg, void* self);
    static int on_end(nl_msg* msg, void* self);
    static int on_error(sockaddr_nl* from, nlmsgerr* error, void* self);

    std::unique_ptr<nl_sock, FreeSocket> socket_;
    std::unique_ptr<nl_cb, PutCallbacks> callbacks_;
    std::vector<std::unique_ptr<nl_msg, FreeMessage>> messages_;  // until release()
    std::size_t held_bytes_ = 0;
    Receiver* receiver_ = nullptr;  // of the receive() that runs
    bool told_verdict_ = false;     // by it
};

// libnl's codes are not errno, and say less: of what a system call refused, that one is told. So
// errno is 0 before libnl is called.
Fail failed(int code, Task task) {
    return errno != 0 ? fail_errno(errno, task) : fail_errno(EIO, task, nl_geterror(code));
}

Result<std::unique_ptr<Socket>> NlSocket::open(const SocketOptions& options) {
    const Task task{"open a netlink socket"};
    std::unique_ptr<NlSocket> s{new NlSocket};
    s->socket_.reset(nl_socket_alloc());
    s->callbacks_.reset(nl_cb_alloc(NL_CB_CUSTOM));
    if (!s->socket_ || !s->callbacks_) return fail_errno(ENOMEM, task);
    errno = 0;
    if (const int code = genl_connect(s->socket_.get()); code < 0) return failed(code, task);
    // Without a size libnl looks at each datagram twice, first for its length.
    if (const int code = nl_socket_set_msg_buf_size(s->socket_.get(), datagram_bytes); code < 0)
        return failed(code, task);
    auto* cb = s->callbacks_.get();
    // Requests are numbered by Link; libnl would compare with numbers of its own.
    nl_cb_set(
        cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, [](nl_msg*, void*) -> int { return NL_OK; }, nullptr);
    nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, s.get());
    nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, s.get());
    nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, s.get());
    nl_cb_err(cb, NL_CB_CUSTOM, on_error, s.get());
    if (auto set = configure_socket(s->fd(), options); !set) return pass_on(std::move(set.error()));
    return s;
}

Result<void> NlSocket::send(std::span<std::byte> message) {
    errno = 0;
    if (const int code = nl_sendto(socket_.get(), message.data(), message.size()); code < 0)
        return failed(code, {"send to the netlink socket"});
    return {};
}

int NlSocket::on_valid(nl_msg* msg, void* self) {
    auto& s = *static_cast<NlSocket*>(self);
    auto* header = nlmsg_hdr(msg);
    if (!genlmsg_valid_hdr(header, 0)) return NL_SKIP;
    Message message{.type = header->nlmsg_type,
                    .flags = header->nlmsg_flags,
                    .seq = header->nlmsg_seq,
                    .cmd = genlmsg_hdr(header)->cmd};
    // libnl's tables are of pointers to non-const.
    if (genlmsg_parse(header, 0, const_cast<nlattr**>(message.attrs.table()), Attrs::max, nullptr) <
        0)
        return NL_SKIP;
    if (s.receiver_->on_message(message)) {
        nlmsg_get(msg);
        s.messages_.emplace_back(msg);
        s.held_bytes_ += header->nlmsg_len;
    }
    return NL_OK;
}

int NlSocket::on_end(nl_msg* msg, void* self) {
    static_cast<NlSocket*>(self)->tell_verdict(*nlmsg_hdr(msg));
    return NL_STOP;
}

int NlSocket::on_error(sockaddr_nl*, nlmsgerr* error, void* self) {
    // libnl hands over the payload; its header lies before it.
    const auto* header =
        reinterpret_cast<const nlmsghdr*>(reinterpret_cast<const std::byte*>(error) - NLMSG_HDRLEN);
    static_cast<NlSocket*>(self)->tell_verdict(*header);
    return NL_STOP;
}

void NlSocket::tell_verdict(const nlmsghdr& header) {
    told_verdict_ = true;
    receiver_->on_verdict(parse_verdict(header));
}

Result<Received> NlSocket::receive(Receiver& receiver) {
    receiver_ = &receiver;
    told_verdict_ = false;
    errno = 0;
    const int code = nl_recvmsgs_report(socket_.get(), callbacks_.get());
    const int err = errno;
    receiver_ = nullptr;
    // A request that failed is also libnl's own error; the receiver knows better.
    if (code > 0 || told_verdict_) return Received::some;
    if (code == 0) return Received::nothing;
    switch (-code) {
        case NLE_AGAIN:
            return Received::nothing;
        case NLE_DUMP_INTR:  // the flag was in the messages, too
            return Received::some;
        case NLE_MSG_TRUNC:
        case NLE_MSG_TOOSHORT:
            return Received::truncated;
        case NLE_NOMEM:  // libnl's word for ENOBUFS as well
            if (err == ENOBUFS) return Received::overrun;
            return fail_errno(ENOMEM, nl_receive_task);
        default:
            return failed(code, nl_receive_task);
    }
}

}  // namespace

Result<std::unique_ptr<Transport>> open_netlink_nl(const ClientOptions&) {
    return open_netlink_transport("netlink-nl", NlSocket::open);
}

}  // namespace statchan::detail
