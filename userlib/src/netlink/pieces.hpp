// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "../fail.hpp"
#include "wire.hpp"

namespace statchan::detail {

/// Puts the pieces of a snapshot or a schema together: contiguous, inside the announced length,
/// all of one generation. The memory is the caller's, asked for when the length is known.
class Pieces {
  public:
    Pieces(std::uint64_t max_bytes, Task task) : max_bytes_{max_bytes}, task_{task} {}

    /// One message of the dump. @p room(bytes) gives the memory for the whole, at the first.
    template <class Room>
    [[nodiscard]] Result<void> add(const Attrs& attrs, Room&& room) {
        if (auto begun = begin(attrs); !begun) return begun;
        if (to_.data() == nullptr) to_ = room(static_cast<std::size_t>(*length_));
        return copy(attrs);
    }

    /// Where the next piece belongs; empty before the first.
    [[nodiscard]] std::span<std::byte> place() const noexcept {
        return to_.subspan(static_cast<std::size_t>(filled_));
    }

    /// All there.
    [[nodiscard]] Result<std::span<const std::byte>> finish() const;
    [[nodiscard]] std::optional<std::uint64_t> digest() const noexcept { return digest_; }

  private:
    [[nodiscard]] Result<void> begin(const Attrs& attrs);
    [[nodiscard]] Result<void> copy(const Attrs& attrs);

    std::uint64_t max_bytes_;
    Task task_;
    std::optional<std::uint64_t> length_;
    std::optional<std::uint64_t> generation_;
    std::optional<std::uint64_t> digest_;
    std::span<std::byte> to_;
    std::uint64_t filled_ = 0;
};

}  // namespace statchan::detail
