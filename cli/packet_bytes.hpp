// SPDX-License-Identifier: MIT
//
// For the decoder only: its view of bytes, and the parts that are in files of their own.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>

namespace statctl::detail {

/// Captured bytes from some header on, and how long that was on the wire.
class Bytes {
  public:
    Bytes(std::span<const std::byte> captured, std::size_t length) noexcept
        : captured_{captured.first(std::min(captured.size(), length))}, length_{length} {}

    /// Captured bytes.
    [[nodiscard]] std::size_t size() const noexcept { return captured_.size(); }
    /// Bytes on the wire, never less than size().
    [[nodiscard]] std::size_t length() const noexcept { return length_; }
    [[nodiscard]] bool has(std::size_t bytes) const noexcept { return size() >= bytes; }

    /// Number in network order; 0 where it was not captured.
    template <std::unsigned_integral T>
    [[nodiscard]] T get(std::size_t offset) const noexcept {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i) value = value << 8 | byte(offset + i);
        return static_cast<T>(value);
    }
    [[nodiscard]] std::uint8_t byte(std::size_t offset) const noexcept {
        return offset < size() ? std::to_integer<std::uint8_t>(captured_[offset]) : std::uint8_t{0};
    }

    /// What follows @p offset.
    [[nodiscard]] Bytes from(std::size_t offset) const noexcept {
        return {captured_.subspan(std::min(offset, size())), length_ - std::min(offset, length_)};
    }
    /// The same, ended after @p length bytes: an inner length that an outer header gave.
    [[nodiscard]] Bytes ended_at(std::size_t length) const noexcept {
        return {captured_, std::min(length, length_)};
    }

  private:
    std::span<const std::byte> captured_;
    std::size_t length_;
};

/// Appends to @p text.
template <class... T>
void say(std::string& text, fmt::format_string<T...> format, T&&... values) {
    fmt::format_to(std::back_inserter(text), format, std::forward<T>(values)...);
}

/// "10.0.0.1"; 4 bytes at @p offset, which need not all be there.
[[nodiscard]] std::string ipv4_address(const Bytes& bytes, std::size_t offset);
/// "fe80::1"; 16 bytes.
[[nodiscard]] std::string ipv6_address(const Bytes& bytes, std::size_t offset);
/// "02:00:00:00:00:01"
[[nodiscard]] std::string mac_address(const Bytes& bytes, std::size_t offset);

/// Headers of the network layer, from their first byte.
void describe_ipv4(std::string& text, const Bytes& bytes);
void describe_ipv6(std::string& text, const Bytes& bytes);

/// What an IP header announced as @p protocol. @p source and @p destination are its addresses,
/// @p extensions names the headers between, each with a space behind it.
void describe_transport(std::string& text, unsigned protocol, const Bytes& bytes,
                        const std::string& source, const std::string& destination,
                        const std::string& extensions);

/// The rest of the line of a TCP segment: "Flags [S], seq 1, ..."
void describe_tcp(std::string& text, const Bytes& bytes);

}  // namespace statctl::detail
