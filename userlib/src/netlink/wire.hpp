// SPDX-License-Identifier: MIT
//
// The bytes of generic netlink messages, whatever library sends and receives them.
#pragma once

#include <linux/netlink.h>
#include <linux/statchan.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace statchan::detail {

/// Bytes that every datagram of this protocol fits into.
inline constexpr std::size_t datagram_bytes = 65536;

/// Builds a request. Small: allocates once.
class Request {
  public:
    /// @p family: message type. @p flags beside NLM_F_REQUEST.
    Request(std::uint16_t family, std::uint8_t cmd, std::uint16_t flags, std::uint8_t version);

    Request& put_u32(std::uint16_t type, std::uint32_t value);
    Request& put_u64(std::uint16_t type, std::uint64_t value);
    /// The number of a source or channel: as put_u32(), but see has_ids().
    Request& put_id(std::uint16_t type, std::uint32_t value);
    /// With the 0 that ends it.
    Request& put_text(std::uint16_t type, std::string_view value);

    /// Everything put until end_nest(its result) lies within attribute @p type.
    [[nodiscard]] std::size_t begin_nest(std::uint16_t type);
    void end_nest(std::size_t nest);

    /// The message, with this sequence number. Valid as long as the Request.
    [[nodiscard]] std::span<std::byte> finish(std::uint32_t seq);
    /// The answers are a list, which has an end.
    [[nodiscard]] bool is_dump() const noexcept { return is_dump_; }
    /// It names something by a number, which the module has given and which means something else,
    /// or nothing, to one that was loaded later.
    [[nodiscard]] bool has_ids() const noexcept { return has_ids_; }
    /// Goes to this family instead.
    void set_family(std::uint16_t family) noexcept;

  private:
    void put(std::uint16_t type, const void* data, std::size_t len);
    void append(const void* data, std::size_t len);
    bool is_dump_;
    bool has_ids_ = false;
    std::vector<std::byte> bytes_;
};

/// Attributes by type, where they lie in the message; nullptr: not there. Payloads may not be
/// aligned to more than 4, so they are copied out.
class Attrs {
  public:
    static constexpr std::uint16_t max = 63;

    /// Notes an attribute whose length was checked. Unknown types are passed over.
    void set(const nlattr* attr) noexcept {
        const auto type = attr->nla_type & NLA_TYPE_MASK;
        if (type <= max) table_[static_cast<std::size_t>(type)] = attr;
    }

    /// The payload of attribute @p type is these bytes, which lie apart from its head.
    void set_apart(std::uint16_t type, std::span<const std::byte> payload) noexcept {
        apart_type_ = type;
        apart_ = payload;
    }

    /// For libraries that fill a table themselves: max + 1 places, all nullptr.
    [[nodiscard]] const nlattr** table() noexcept { return table_.data(); }

    [[nodiscard]] bool has(std::uint16_t type) const noexcept { return table_[type] != nullptr; }
    [[nodiscard]] std::span<const std::byte> bytes(std::uint16_t type) const noexcept;
    [[nodiscard]] std::optional<std::uint32_t> u32(std::uint16_t type) const noexcept {
        return number<std::uint32_t>(type);
    }
    [[nodiscard]] std::optional<std::uint64_t> u64(std::uint16_t type) const noexcept {
        return number<std::uint64_t>(type);
    }
    /// Up to the first 0.
    [[nodiscard]] std::string_view text(std::uint16_t type) const noexcept;

  private:
    template <class T>
    [[nodiscard]] std::optional<T> number(std::uint16_t type) const noexcept {
        const auto b = bytes(type);
        if (b.size() < sizeof(T)) return std::nullopt;
        T value;
        std::memcpy(&value, b.data(), sizeof value);
        return value;
    }
    std::array<const nlattr*, max + 1> table_{};
    std::uint16_t apart_type_ = 0;
    std::span<const std::byte> apart_{};
};

/// Reads a run of attributes, e.g. those in a nest; false if one does not fit. The run must be
/// aligned to 4.
[[nodiscard]] bool parse_attrs(std::span<const std::byte> run, Attrs& attrs) noexcept;

/// A message of a generic netlink family.
struct Message {
    std::uint16_t type = 0;  ///< the family
    std::uint16_t flags = 0;
    std::uint32_t seq = 0;
    std::uint8_t cmd = 0;
    Attrs attrs{};
};

/// How a request ended: NLMSG_DONE or NLMSG_ERROR, which with error 0 is an acknowledgement.
struct Verdict {
    std::uint32_t seq = 0;
    std::uint16_t flags = 0;
    int error = 0;            ///< positive errno
    std::string_view text{};  ///< the kernel's sentence, in the message
};

/// Reads a message of these types, nlmsg_len bytes of which are there.
[[nodiscard]] Verdict parse_verdict(const nlmsghdr& header) noexcept;

}  // namespace statchan::detail
