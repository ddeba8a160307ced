// SPDX-License-Identifier: MIT
#include "genl.hpp"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/statchan.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string_view>

namespace fuzz {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Visit = std::function<void(int type, Bytes payload)>;

constexpr std::size_t head = NLMSG_HDRLEN + GENL_HDRLEN;

template <class T>
T get(Bytes bytes) {
    T value{};
    std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
    return value;
}

void each_attribute(Bytes bytes, const Visit& visit) {
    while (bytes.size() >= sizeof(nlattr)) {
        const auto attribute = get<nlattr>(bytes);
        if (attribute.nla_len < sizeof attribute || attribute.nla_len > bytes.size()) return;
        visit(attribute.nla_type & NLA_TYPE_MASK,
              bytes.subspan(sizeof attribute, attribute.nla_len - sizeof attribute));
        bytes = bytes.subspan(std::min<std::size_t>(NLA_ALIGN(attribute.nla_len), bytes.size()));
    }
}

Message request(std::uint16_t family, std::uint8_t command, std::uint16_t flags) {
    Message message(head);
    const nlmsghdr netlink{.nlmsg_len = 0,
                           .nlmsg_type = family,
                           .nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags),
                           .nlmsg_seq = 1,
                           .nlmsg_pid = 0};
    const genlmsghdr generic{.cmd = command, .version = 1, .reserved = 0};
    std::memcpy(message.data(), &netlink, sizeof netlink);
    std::memcpy(message.data() + NLMSG_HDRLEN, &generic, sizeof generic);
    return message;
}

struct Family {
    std::uint16_t id = 0;
    std::vector<int> groups;
};

Family ask_for_family() {
    auto question = request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
    static constexpr std::string_view name{STATCHAN_GENL_NAME "\0", sizeof STATCHAN_GENL_NAME};
    genl_put(question, CTRL_ATTR_FAMILY_NAME,
             {reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
    genl_end(question);
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    Message answer(16384);
    ::send(fd, question.data(), question.size(), 0);
    const auto got = ::recv(fd, answer.data(), answer.size(), 0);
    ::close(fd);
    Family family;
    if (got > static_cast<ssize_t>(head))
        each_attribute(Bytes{answer}.subspan(head, static_cast<std::size_t>(got) - head),
                       [&](int type, Bytes payload) {
                           if (type == CTRL_ATTR_FAMILY_ID) family.id = get<std::uint16_t>(payload);
                           if (type != CTRL_ATTR_MCAST_GROUPS) return;
                           each_attribute(payload, [&](int, Bytes group) {
                               each_attribute(group, [&](int of, Bytes id) {
                                   if (of == CTRL_ATTR_MCAST_GRP_ID)
                                       family.groups.push_back(get<int>(id));
                               });
                           });
                       });
    if (family.id == 0 || family.groups.empty()) throw std::runtime_error{"no netlink family"};
    return family;
}

const Family& family() {
    static const auto it = ask_for_family();
    return it;
}

}  // namespace

Message genl_begin(std::uint8_t command, bool dump) {
    return request(family().id, command, dump ? NLM_F_DUMP : NLM_F_ACK);
}

void genl_put(Message& message, int type, Bytes payload) {
    const nlattr attribute{.nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()),
                           .nla_type = static_cast<std::uint16_t>(type)};
    const auto place = message.size();
    message.resize(place + NLA_ALIGN(attribute.nla_len));
    std::memcpy(&message[place], &attribute, sizeof attribute);
    std::copy(payload.begin(), payload.end(),
              message.begin() + static_cast<std::ptrdiff_t>(place + sizeof attribute));
}

void genl_end(Message& message) {
    const auto length = static_cast<std::uint32_t>(message.size());
    std::memcpy(message.data(), &length, sizeof length);
}

std::optional<std::uint32_t> genl_u32(const Message& answer, int wanted) {
    std::optional<std::uint32_t> found;
    if (answer.size() <= head || get<nlmsghdr>(answer).nlmsg_type != family().id) return found;
    each_attribute(Bytes{answer}.subspan(head), [&](int type, Bytes payload) {
        if (type == wanted) found = get<std::uint32_t>(payload);
    });
    return found;
}

const std::vector<int>& genl_groups() { return family().groups; }

}  // namespace fuzz
