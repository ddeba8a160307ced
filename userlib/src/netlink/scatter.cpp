// SPDX-License-Identifier: MIT
#include "scatter.hpp"

#include <linux/genetlink.h>

#include <algorithm>

namespace statchan::detail {

Parts cut_parts(std::span<const std::byte> head, std::span<const std::byte> place,
                std::span<const std::byte> spill, std::size_t received) noexcept {
    const auto cut = [&](std::span<const std::byte> part) {
        const auto mine = part.first(std::min(part.size(), received));
        received -= mine.size();
        return mine;
    };
    // In this order.
    const auto h = cut(head);
    const auto p = cut(place);
    return {h, p, cut(spill)};
}

std::optional<Message> read_scattered(const Parts& parts) noexcept {
    constexpr std::size_t attrs_at = NLMSG_HDRLEN + GENL_HDRLEN;
    if (parts.head.size() < attrs_at + NLA_HDRLEN || parts.place.empty()) return std::nullopt;
    const auto* header = reinterpret_cast<const nlmsghdr*>(parts.head.data());
    if (header->nlmsg_type < NLMSG_MIN_TYPE) return std::nullopt;

    // The head ends with that of the attribute DATA, which nothing follows in the message.
    const auto attrs = parts.head.subspan(attrs_at, parts.head.size() - attrs_at - NLA_HDRLEN);
    const auto* data = reinterpret_cast<const nlattr*>(attrs.data() + attrs.size());
    if (data->nla_type != STATCHAN_A_DATA || data->nla_len < NLA_HDRLEN) return std::nullopt;
    const std::size_t bytes = data->nla_len - std::size_t{NLA_HDRLEN};
    if (bytes > parts.place.size()) return std::nullopt;
    if (header->nlmsg_len != parts.head.size() + bytes) return std::nullopt;

    const auto* genl = reinterpret_cast<const genlmsghdr*>(parts.head.data() + NLMSG_HDRLEN);
    Message message{.type = header->nlmsg_type,
                    .flags = header->nlmsg_flags,
                    .seq = header->nlmsg_seq,
                    .cmd = genl->cmd};
    if (!parse_attrs(attrs, message.attrs)) return std::nullopt;
    message.attrs.set(data);
    message.attrs.set_apart(STATCHAN_A_DATA, parts.place.first(bytes));
    return message;
}

std::vector<std::byte> gather(const Parts& parts, std::size_t offset) {
    std::vector<std::byte> all;
    all.reserve(parts.size() - std::min(offset, parts.size()));
    for (const auto part : {parts.head, parts.place, parts.spill}) {
        const auto skip = std::min(offset, part.size());
        offset -= skip;
        all.insert(all.end(), part.begin() + static_cast<std::ptrdiff_t>(skip), part.end());
    }
    return all;
}

}  // namespace statchan::detail
