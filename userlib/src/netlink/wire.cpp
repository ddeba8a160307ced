// SPDX-License-Identifier: MIT
#include "wire.hpp"

#include <linux/genetlink.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace statchan::detail {

// ---- requests ----

Request::Request(std::uint16_t family, std::uint8_t cmd, std::uint16_t flags, std::uint8_t version)
    : is_dump_{(flags & NLM_F_DUMP) == NLM_F_DUMP} {
    bytes_.reserve(256);
    nlmsghdr header{};
    header.nlmsg_type = family;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    append(&header, sizeof header);
    genlmsghdr genl{};
    genl.cmd = cmd;
    genl.version = version;
    append(&genl, sizeof genl);
}

void Request::append(const void* data, std::size_t len) {
    const auto at = bytes_.size();
    bytes_.resize(at + NLMSG_ALIGN(len));
    if (len != 0) std::memcpy(bytes_.data() + at, data, len);
}

void Request::put(std::uint16_t type, const void* data, std::size_t len) {
    const nlattr attr{static_cast<std::uint16_t>(NLA_HDRLEN + len), type};
    append(&attr, sizeof attr);
    append(data, len);
}

Request& Request::put_u32(std::uint16_t type, std::uint32_t value) {
    put(type, &value, sizeof value);
    return *this;
}

Request& Request::put_u64(std::uint16_t type, std::uint64_t value) {
    put(type, &value, sizeof value);
    return *this;
}

Request& Request::put_id(std::uint16_t type, std::uint32_t value) {
    has_ids_ = true;
    return put_u32(type, value);
}

Request& Request::put_text(std::uint16_t type, std::string_view value) {
    const std::string with_end{value};
    put(type, with_end.c_str(), with_end.size() + 1);
    return *this;
}

std::size_t Request::begin_nest(std::uint16_t type) {
    const auto at = bytes_.size();
    put(static_cast<std::uint16_t>(type | NLA_F_NESTED), nullptr, 0);
    return at;
}

void Request::end_nest(std::size_t nest) {
    const auto len = static_cast<std::uint16_t>(bytes_.size() - nest);
    std::memcpy(bytes_.data() + nest + offsetof(nlattr, nla_len), &len, sizeof len);
}

std::span<std::byte> Request::finish(std::uint32_t seq) {
    const auto len = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &len, sizeof len);
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_seq), &seq, sizeof seq);
    return bytes_;
}

void Request::set_family(std::uint16_t family) noexcept {
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_type), &family, sizeof family);
}

// ---- attributes ----

std::span<const std::byte> Attrs::bytes(std::uint16_t type) const noexcept {
    const auto* attr = table_[type];
    if (attr == nullptr) return {};
    if (type == apart_type_ && apart_.data() != nullptr) return apart_;
    return {reinterpret_cast<const std::byte*>(attr) + NLA_HDRLEN,
            static_cast<std::size_t>(attr->nla_len - NLA_HDRLEN)};
}

std::string_view Attrs::text(std::uint16_t type) const noexcept {
    const auto b = bytes(type);
    const std::string_view all{reinterpret_cast<const char*>(b.data()), b.size()};
    return all.substr(0, all.find('\0'));
}

bool parse_attrs(std::span<const std::byte> run, Attrs& attrs) noexcept {
    while (run.size() >= sizeof(nlattr)) {
        const auto* attr = reinterpret_cast<const nlattr*>(run.data());
        if (attr->nla_len < NLA_HDRLEN || attr->nla_len > run.size()) return false;
        attrs.set(attr);
        // The last need not be padded.
        run = run.subspan(std::min<std::size_t>(NLA_ALIGN(attr->nla_len), run.size()));
    }
    return run.empty();
}

// ---- how a request ended ----

Verdict parse_verdict(const nlmsghdr& header) noexcept {
    Verdict verdict{.seq = header.nlmsg_seq, .flags = header.nlmsg_flags};
    const auto* start = reinterpret_cast<const std::byte*>(&header);
    std::span<const std::byte> rest{start, header.nlmsg_len};
    rest = rest.subspan(std::min<std::size_t>(NLMSG_HDRLEN, rest.size()));
    if (rest.size() < sizeof(int)) return verdict;
    int error = 0;
    std::memcpy(&error, rest.data(), sizeof error);
    // Not -error: a hostile INT_MIN has no opposite.
    verdict.error = error < 0 && error > -4096 ? -error : error == 0 ? 0 : EPROTO;
    // A dump that is done may tell a positive length, which is no error.
    if (header.nlmsg_type == NLMSG_DONE && error > 0) verdict.error = 0;
    if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return verdict;

    std::size_t skip = NLMSG_ALIGN(sizeof(int));
    if (header.nlmsg_type == NLMSG_ERROR) {
        if (rest.size() < sizeof(nlmsgerr)) return verdict;
        nlmsghdr request{};
        std::memcpy(&request, rest.data() + sizeof(int), sizeof request);
        skip = sizeof(nlmsgerr);
        const bool whole = (header.nlmsg_flags & NLM_F_CAPPED) == 0;
        if (whole && request.nlmsg_len > NLMSG_HDRLEN)
            skip += NLMSG_ALIGN(std::size_t{request.nlmsg_len} - NLMSG_HDRLEN);
    }
    if (skip >= rest.size()) return verdict;
    Attrs attrs;
    if (parse_attrs(rest.subspan(skip), attrs)) verdict.text = attrs.text(NLMSGERR_ATTR_MSG);
    return verdict;
}

}  // namespace statchan::detail
