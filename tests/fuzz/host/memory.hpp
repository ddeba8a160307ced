// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace fuzz {

/// A copy of bytes, aligned to 8 and of just this size: address sanitizer sees a step beyond.
class Exactly {
  public:
    explicit Exactly(std::span<const std::byte> from)
        : memory_{static_cast<std::byte*>(::operator new(from.size(), alignment))},
          size_{from.size()} {
        if (!from.empty()) std::memcpy(memory_.get(), from.data(), from.size());
    }

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {memory_.get(), size_}; }

  private:
    static constexpr std::align_val_t alignment{8};
    struct Free {
        void operator()(std::byte* p) const noexcept { ::operator delete(p, alignment); }
    };
    std::unique_ptr<std::byte, Free> memory_;
    std::size_t size_;
};

}  // namespace fuzz
