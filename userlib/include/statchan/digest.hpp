// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <statchan/export.hpp>

namespace statchan {

/// xxHash64, seed 0, of the bytes.
[[nodiscard]] STATCHAN_API std::uint64_t digest(std::span<const std::byte> bytes) noexcept;

/// xxHash64, seed 0, of the counters of a snapshot: the kernel's digest of the same generation
/// is the same number on every transport.
[[nodiscard]] inline std::uint64_t digest(std::span<const std::uint64_t> counters) noexcept {
    return digest(std::as_bytes(counters));
}

}  // namespace statchan
