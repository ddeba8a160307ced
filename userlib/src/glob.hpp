// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace statchan::detail {

/// @p text matches the glob @p pattern: *, ?, [a-z], [!a-z]; a bracket that never closes stands
/// for itself. Time is at most pattern x text, so a hostile pattern can not stall.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text) noexcept;

}  // namespace statchan::detail
