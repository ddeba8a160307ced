// SPDX-License-Identifier: MIT
//
// Messages of the family "statchan", well-formed outside whatever they hold.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace fuzz {

using Message = std::vector<std::uint8_t>;

/// The head of a request.
Message genl_begin(std::uint8_t command, bool dump);
void genl_put(Message& message, int type, std::span<const std::uint8_t> payload);
/// Writes the length into the head.
void genl_end(Message& message);

/// An attribute of the first message of an answer.
std::optional<std::uint32_t> genl_u32(const Message& answer, int type);

/// Numbers of the family's multicast groups.
const std::vector<int>& genl_groups();

}  // namespace fuzz
