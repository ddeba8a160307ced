// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "pool.hpp"

namespace statchan::detail {

/// Memory of a private snapshot: aligned to 8, not initialised.
class Buffer {
  public:
    explicit Buffer(std::size_t bytes)
        : words_{std::make_unique_for_overwrite<std::uint64_t[]>(words_of(bytes))},
          size_{words_of(bytes) * 8} {}

    [[nodiscard]] std::span<std::byte> bytes() noexcept {
        return {reinterpret_cast<std::byte*>(words_.get()), size_};
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// However many bytes: what is too much for memory must not turn into nothing.
    [[nodiscard]] static constexpr std::size_t words_of(std::size_t bytes) noexcept {
        return bytes / 8 + (bytes % 8 != 0 ? 1 : 0);
    }

  private:
    std::unique_ptr<std::uint64_t[]> words_;
    std::size_t size_;
};

/// An idle buffer of at least so many bytes, or a new one.
[[nodiscard]] inline std::shared_ptr<Buffer> lend_buffer(Pool<Buffer>& pool, std::size_t bytes) {
    auto buffer = pool.take([&](const Buffer& b) { return b.size() >= bytes; });
    return pool.lend(buffer ? std::move(buffer) : std::make_unique<Buffer>(bytes));
}

}  // namespace statchan::detail
