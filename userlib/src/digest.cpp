// SPDX-License-Identifier: MIT
#include <xxhash.h>

#include <statchan/digest.hpp>

namespace statchan {

std::uint64_t digest(std::span<const std::byte> bytes) noexcept {
    return XXH64(bytes.data(), bytes.size(), 0);
}

}  // namespace statchan
