// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace statchan::detail {

/// A number that this process has, and no forked child of it. A child has our descriptors, which
/// are the same open files as ours, and not what we have mapped: what it inherits it must leave
/// alone. 0: this kernel can not tell.
[[nodiscard]] std::uint64_t own_process() noexcept;

}  // namespace statchan::detail
