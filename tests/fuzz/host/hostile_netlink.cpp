// SPDX-License-Identifier: MIT
//
// The hostile kernel's generic netlink.
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "hostile_kernel.hpp"
#include "support/schema_blob.hpp"

namespace fuzz {
namespace {

constexpr std::uint16_t family = 33;

using Bytes = std::vector<std::byte>;

// One message of a datagram.
class MessageWriter {
  public:
    MessageWriter(std::uint16_t type, std::uint16_t flags, std::uint32_t seq) {
        const nlmsghdr header{.nlmsg_len = 0,
                              .nlmsg_type = type,
                              .nlmsg_flags = flags,
                              .nlmsg_seq = seq,
                              .nlmsg_pid = 0};
        append(&header, sizeof header);
    }
    MessageWriter& genl(std::uint8_t cmd) {
        const genlmsghdr header{.cmd = cmd, .version = 1, .reserved = 0};
        append(&header, sizeof header);
        return *this;
    }
    MessageWriter& raw(const void* data, std::size_t size) {
        append(data, size);
        return *this;
    }
    MessageWriter& attr(std::uint16_t type, const void* data, std::size_t size) {
        const nlattr head{static_cast<std::uint16_t>(NLA_HDRLEN + size), type};
        append(&head, sizeof head);
        append(data, size);
        return *this;
    }
    template <class T>
    MessageWriter& number(std::uint16_t type, T value) {
        return attr(type, &value, sizeof value);
    }
    MessageWriter& string(std::uint16_t type, const char* text) {
        return attr(type, text, std::strlen(text) + 1);
    }
    /// DATA begins at a multiple of 8.
    MessageWriter& data(std::span<const std::byte> bytes) {
        if (bytes_.size() % 8 == 0) attr(STATCHAN_A_PAD, nullptr, 0);
        return attr(STATCHAN_A_DATA, bytes.data(), bytes.size());
    }
    [[nodiscard]] Bytes done() {
        const auto length = static_cast<std::uint32_t>(bytes_.size());
        std::memcpy(bytes_.data(), &length, sizeof length);
        return std::move(bytes_);
    }

  private:
    void append(const void* data, std::size_t size) {
        const auto at = bytes_.size();
        bytes_.resize(at + NLMSG_ALIGN(size));
        if (size != 0) std::memcpy(bytes_.data() + at, data, size);
    }
    Bytes bytes_;
};

}  // namespace

ssize_t HostileKernel::send(std::span<const std::byte> message) {
    if (fails()) return -1;
    if (message.size() < NLMSG_HDRLEN + GENL_HDRLEN) return static_cast<ssize_t>(message.size());
    nlmsghdr header{};
    std::memcpy(&header, message.data(), sizeof header);
    genlmsghdr genl{};
    std::memcpy(&genl, message.data() + NLMSG_HDRLEN, sizeof genl);
    reply(header.nlmsg_type, seq_ = header.nlmsg_seq, genl.cmd);
    return static_cast<ssize_t>(message.size());
}

void HostileKernel::reply_verdict(std::uint16_t type, std::uint32_t seq) {
    struct {
        int error = 0;
        nlmsghdr request{};
    } const payload;
    datagrams_.push_back(
        MessageWriter{type, NLM_F_CAPPED, seq}.raw(&payload, sizeof payload).done());
}

void HostileKernel::reply_family(std::uint32_t seq) {
    const auto group = [](std::uint16_t number, const char* name, std::uint32_t id) {
        auto nest = MessageWriter{0, 0, 0}
                        .string(CTRL_ATTR_MCAST_GRP_NAME, name)
                        .number(CTRL_ATTR_MCAST_GRP_ID, id)
                        .done();
        nest.erase(nest.begin(), nest.begin() + NLMSG_HDRLEN);
        auto attr = MessageWriter{0, 0, 0}.attr(number, nest.data(), nest.size()).done();
        attr.erase(attr.begin(), attr.begin() + NLMSG_HDRLEN);
        return attr;
    };
    static const auto groups = [&] {
        auto all = group(1, STATCHAN_GENL_EVENTS, 5);
        const auto samples = group(2, "samples0", 6);
        all.insert(all.end(), samples.begin(), samples.end());
        return all;
    }();
    datagrams_.push_back(MessageWriter{GENL_ID_CTRL, 0, seq}
                             .genl(CTRL_CMD_NEWFAMILY)
                             .number(CTRL_ATTR_FAMILY_ID, family)
                             .attr(CTRL_ATTR_MCAST_GROUPS, groups.data(), groups.size())
                             .done());
}

// A dump of bytes in two pieces.
void HostileKernel::reply_pieces(std::uint32_t seq, std::uint8_t cmd,
                                 std::span<const std::byte> whole) {
    const auto half = whole.size() / 2 / 8 * 8;
    for (const auto& [at, piece] :
         {std::pair{std::size_t{0}, whole.first(half)}, std::pair{half, whole.subspan(half)}}) {
        MessageWriter message{family, NLM_F_MULTI, seq};
        message.genl(cmd).number(STATCHAN_A_GENERATION, std::uint64_t{9});
        if (at == 0) message.number(STATCHAN_A_LENGTH, std::uint64_t{whole.size()});
        message.number(STATCHAN_A_OFFSET, std::uint64_t{at}).data(piece);
        datagrams_.push_back(message.done());
    }
}

void HostileKernel::reply(std::uint16_t type, std::uint32_t seq, std::uint8_t cmd) {
    const auto message = [&] {
        MessageWriter writer{family, 0, seq};
        writer.genl(cmd);
        return writer;
    };
    auto end = std::uint16_t{NLMSG_ERROR};
    if (type == GENL_ID_CTRL) {
        reply_family(seq);
        return reply_verdict(end, seq);
    }
    static const auto schema = test::SchemaBlob::ports().bytes();
    statchan_source_info source{};
    source.id = source_id;
    std::memcpy(source.name, "sw0", 3);
    source.n_counters = some_counters;
    std::memcpy(&source.schema_hash, schema.data() + offsetof(statchan_schema, hash), 8);
    source.rate = 1;
    switch (cmd) {
        case STATCHAN_CMD_VERSION_GET:
            datagrams_.push_back(message()
                                     .number(STATCHAN_A_ABI, std::uint32_t{STATCHAN_ABI})
                                     .number(STATCHAN_A_NR_CPUS, std::uint32_t{2})
                                     .done());
            break;
        case STATCHAN_CMD_TRANSPORT_GET:
            end = NLMSG_DONE;
            datagrams_.push_back(message()
                                     .string(STATCHAN_A_NAME, "netlink")
                                     .number(STATCHAN_A_CAPS, std::uint32_t{5})
                                     .done());
            break;
        case STATCHAN_CMD_SOURCE_GET:
            datagrams_.push_back(
                message().attr(STATCHAN_A_SOURCE_INFO, &source, sizeof source).done());
            break;
        case STATCHAN_CMD_SCHEMA_GET:
            end = NLMSG_DONE;
            reply_pieces(seq, cmd, schema);
            break;
        case STATCHAN_CMD_SNAPSHOT_GET:
            end = NLMSG_DONE;
            reply_pieces(seq, cmd, image());
            break;
        case STATCHAN_CMD_CHANNEL_OPEN:
            datagrams_.push_back(message()
                                     .number(STATCHAN_A_CHANNEL, channel_id)
                                     .string(STATCHAN_A_GROUP, "samples0")
                                     .attr(STATCHAN_A_EFFECTIVE, nullptr, 0)
                                     .number(STATCHAN_A_FLAGS, STATCHAN_CHAN_SHARED)
                                     .done());
            break;
        case STATCHAN_CMD_CHANNEL_GET: {
            end = NLMSG_DONE;
            statchan_channel_info info{};
            info.id = channel_id;
            datagrams_.push_back(
                message().attr(STATCHAN_A_CHANNEL_INFO, &info, sizeof info).done());
            break;
        }
        case STATCHAN_CMD_LEDGER_GET:
            end = NLMSG_DONE;
            for (std::uint32_t cpu = 0; cpu < 2; ++cpu) {
                statchan_ledger entry{};
                entry.cpu = cpu;
                entry.produced = entry.accepted = entry.next_seq = input_.byte();
                datagrams_.push_back(message()
                                         .number(STATCHAN_A_FLAGS, input_.empty()
                                                                       ? STATCHAN_CHAN_EOS
                                                                       : std::uint32_t{0})
                                         .attr(STATCHAN_A_LEDGER, &entry, sizeof entry)
                                         .done());
            }
            break;
        default:
            break;
    }
    reply_verdict(end, seq);
}

// ---- what comes unasked ----

void HostileKernel::reply_samples() {
    const auto cpu = input_.byte();
    const auto count = input_.byte();
    position_ += input_.byte();
    MessageWriter message{family, 0, 0};
    message.genl(STATCHAN_CMD_SAMPLES).number(STATCHAN_A_CHANNEL, channel_id);
    if (cpu == 0xff) {
        message.number(STATCHAN_A_FLAGS, STATCHAN_CHAN_EOS);
    } else {
        message.number(STATCHAN_A_CPU, std::uint32_t{cpu})
            .number(STATCHAN_A_COUNT, std::uint32_t{count})
            .number(STATCHAN_A_POSITION, position_)
            .data(input_.block());
        position_ += count;
    }
    datagrams_.push_back(message.done());
}

void HostileKernel::reply_event() {
    datagrams_.push_back(MessageWriter{family, 0, 0}
                             .genl(STATCHAN_CMD_EVENT)
                             .number(STATCHAN_A_EVENT, std::uint32_t{input_.byte()})
                             .number(STATCHAN_A_TIME, input_.take<std::uint64_t>())
                             .string(STATCHAN_A_NAME, "sw0")
                             .string(STATCHAN_A_TEXT, "a sentence")
                             .done());
}

// Any bytes; the search can't guess the number of the request, and seldom the length.
void HostileKernel::reply_raw(std::uint8_t how) {
    const auto from = input_.block();
    Bytes bytes{from.begin(), from.end()};
    if (bytes.size() >= sizeof(nlmsghdr)) {
        const auto length = static_cast<std::uint32_t>(bytes.size());
        if ((how & 1U) != 0) std::memcpy(bytes.data(), &length, sizeof length);
        if ((how & 2U) != 0)
            std::memcpy(bytes.data() + offsetof(nlmsghdr, nlmsg_seq), &seq_, sizeof seq_);
    }
    datagrams_.push_back(std::move(bytes));
}

ssize_t HostileKernel::receive(msghdr& to) {
    if (fails()) return -1;
    const auto how = input_.byte();
    if (how >= 0xe0)
        reply_raw(how);
    else if (how >= 0xc0)
        reply_samples();
    else if (how >= 0xb0)
        reply_event();
    if (datagrams_.empty()) {
        errno = EAGAIN;
        return -1;
    }
    // The last that was made, if it was made now; else in order.
    auto datagram = how >= 0xb0 ? std::move(datagrams_.back()) : std::move(datagrams_.front());
    if (how >= 0xb0)
        datagrams_.pop_back();
    else
        datagrams_.pop_front();
    patch(datagram);
    std::span<const std::byte> rest{datagram};
    for (std::size_t i = 0; i < to.msg_iovlen; ++i) {
        const auto part = rest.first(std::min(rest.size(), to.msg_iov[i].iov_len));
        if (!part.empty()) std::memcpy(to.msg_iov[i].iov_base, part.data(), part.size());
        rest = rest.subspan(part.size());
    }
    to.msg_flags = rest.empty() && how != 0xaf ? 0 : MSG_TRUNC;
    to.msg_controllen = 0;
    if (to.msg_name != nullptr) {
        sockaddr_nl kernel{};
        kernel.nl_family = AF_NETLINK;
        std::memcpy(to.msg_name, &kernel, std::min<std::size_t>(to.msg_namelen, sizeof kernel));
        to.msg_namelen = sizeof kernel;
    }
    return static_cast<ssize_t>(datagram.size() - rest.size());
}

int HostileKernel::socket_option(std::span<std::byte> value) {
    if (fails()) return -1;
    patch(value);
    return 0;
}

}  // namespace fuzz
