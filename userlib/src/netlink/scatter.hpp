// SPDX-License-Identifier: MIT
//
// A datagram received in parts: the head of a message to one buffer, the bulk that follows to
// its final place, whatever comes after that to a third.
//
//	head | bulk: STATCHAN_A_DATA, the last attribute     | next message ...
//	head | place ........................................ | spill
//
// It is a guess that the next message has the layout of the last. Where it has not, the parts
// are put together again, and all that was gained is lost: a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "wire.hpp"

namespace statchan::detail {

/// The three parts, as long as what was received filled them.
struct Parts {
    std::span<const std::byte> head;
    std::span<const std::byte> place;
    std::span<const std::byte> spill;

    [[nodiscard]] std::size_t size() const noexcept {
        return head.size() + place.size() + spill.size();
    }
};

/// Cuts @p received bytes from the three buffers.
[[nodiscard]] Parts cut_parts(std::span<const std::byte> head, std::span<const std::byte> place,
                              std::span<const std::byte> spill, std::size_t received) noexcept;

/// The message, if its DATA begins exactly where the place does and lies within it whole.
[[nodiscard]] std::optional<Message> read_scattered(const Parts& parts) noexcept;

/// Bytes of the datagram from @p offset on, in one piece.
[[nodiscard]] std::vector<std::byte> gather(const Parts& parts, std::size_t offset);

}  // namespace statchan::detail
