// SPDX-License-Identifier: MIT
#include "raw_netlink.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "wait.hpp"

namespace lab {
namespace {

using Take = std::function<void(const nlattr*)>;

// No dump of a test has so many datagrams, and a good kernel sends none that is empty: it is one
// that never ends, which is to fail and not to hang.
constexpr int datagrams_max = 10'000;
constexpr int empty_max = 100;

int call(const nlattr* attribute, void* take) {
    (*static_cast<const Take*>(take))(attribute);
    return MNL_CB_OK;
}

void each_nested(const nlattr* nest, const Take& take) {
    mnl_attr_parse_nested(nest, call, const_cast<Take*>(&take));
}

}  // namespace

void each_attribute(const nlmsghdr* head, const Take& take) {
    mnl_attr_parse(head, sizeof(genlmsghdr), call, const_cast<Take*>(&take));
}

RawNetlink::RawNetlink()
    : socket_{mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC), mnl_socket_close} {
    EXPECT_EQ(mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID), 0);
    const timeval limit{.tv_sec = patience / 1s, .tv_usec = 0};
    ::setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    find_family();
}

void RawNetlink::find_family() {
    family_ = GENL_ID_CTRL;
    ask(CTRL_CMD_GETFAMILY, 0,
        [](nlmsghdr* head) { mnl_attr_put_strz(head, CTRL_ATTR_FAMILY_NAME, STATCHAN_GENL_NAME); });
    family_ = 0;
    if (receive() < static_cast<std::int64_t>(sizeof(nlmsghdr))) return;
    const auto* head = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    if (head->nlmsg_type == NLMSG_ERROR) return;
    each_attribute(head, [&](const nlattr* attribute) {
        if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID)
            family_ = mnl_attr_get_u16(attribute);
        if (mnl_attr_get_type(attribute) != CTRL_ATTR_MCAST_GROUPS) return;
        each_nested(attribute, [&](const nlattr* group) {
            std::string name;
            std::uint32_t id = 0;
            each_nested(group, [&](const nlattr* field) {
                if (mnl_attr_get_type(field) == CTRL_ATTR_MCAST_GRP_NAME)
                    name = mnl_attr_get_str(field);
                if (mnl_attr_get_type(field) == CTRL_ATTR_MCAST_GRP_ID)
                    id = mnl_attr_get_u32(field);
            });
            groups_[name] = id;
        });
    });
}

std::uint32_t RawNetlink::group(const std::string& name) const {
    const auto found = groups_.find(name);
    return found == groups_.end() ? 0 : found->second;
}

int RawNetlink::join(std::uint32_t group) const {
    return ::setsockopt(fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0
               ? 0
               : errno;
}

int RawNetlink::ask(std::uint8_t command, int flags, const Fill& fill) {
    alignas(nlmsghdr) std::array<char, 4096> room{};
    auto* head = mnl_nlmsg_put_header(room.data());
    head->nlmsg_type = family_;
    head->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    auto* generic = static_cast<genlmsghdr*>(mnl_nlmsg_put_extra_header(head, sizeof(genlmsghdr)));
    generic->cmd = command;
    generic->version = STATCHAN_GENL_VERSION;
    fill(head);
    return mnl_socket_sendto(socket_.get(), head, head->nlmsg_len) < 0 ? errno : 0;
}

std::int64_t RawNetlink::receive(std::size_t room, int flags) {
    buffer_.assign(room, '\0');
    const auto got = ::recv(fd(), buffer_.data(), room, MSG_TRUNC | flags);
    if (got < 0) return -errno;
    buffer_.resize(std::min<std::size_t>(room, static_cast<std::size_t>(got)));
    return got;
}

RawNetlink::Answer RawNetlink::finish(std::size_t room) {
    Answer answer;
    for (int datagrams = 0, empty = 0; datagrams < datagrams_max && empty < empty_max;
         ++datagrams) {
        const auto got = receive(room);
        if (got < 0) {
            answer.error = static_cast<int>(-got);
            return answer;
        }
        if (got == 0) ++empty;
        answer.cut |= got > static_cast<std::int64_t>(room);
        const auto* head = reinterpret_cast<const nlmsghdr*>(buffer_.data());
        int left = static_cast<int>(buffer_.size());
        for (; mnl_nlmsg_ok(head, left); head = mnl_nlmsg_next(head, &left)) {
            if (head->nlmsg_type == NLMSG_ERROR || head->nlmsg_type == NLMSG_DONE) {
                answer.error = -*static_cast<const int*>(mnl_nlmsg_get_payload(head));
                return answer;
            }
            ++answer.messages;
            each_attribute(head, [&](const nlattr* attribute) {
                if (mnl_attr_get_type(attribute) == STATCHAN_A_DATA)
                    answer.data.append(static_cast<const char*>(mnl_attr_get_payload(attribute)),
                                       mnl_attr_get_payload_len(attribute));
            });
        }
    }
    answer.error = ELOOP;
    return answer;
}

std::uint32_t RawNetlink::received_u32(std::uint16_t attribute) const {
    std::uint32_t value = 0;
    each_attribute(reinterpret_cast<const nlmsghdr*>(buffer_.data()), [&](const nlattr* at) {
        if (mnl_attr_get_type(at) == attribute) value = mnl_attr_get_u32(at);
    });
    return value;
}

bool RawNetlink::drain() {
    for (int datagrams = 0; datagrams < datagrams_max; ++datagrams)
        if (receive(1U << 16, MSG_DONTWAIT) == -EAGAIN) return true;
    return false;
}

}  // namespace lab
