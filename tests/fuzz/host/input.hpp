// SPDX-License-Identifier: MIT
//
// The bytes of one execution, taken from the front. When they are used up, all is 0.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace fuzz {

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) noexcept
        : rest_{reinterpret_cast<const std::byte*>(data), size} {}

    [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
    [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }

    /// A number, in the byte order of the machine.
    template <class T>
    [[nodiscard]] T take() noexcept {
        T value{};
        const auto from = bytes(sizeof value);
        if (!from.empty()) std::memcpy(&value, from.data(), from.size());
        return value;
    }
    [[nodiscard]] std::uint8_t byte() noexcept { return take<std::uint8_t>(); }

    /// So many, or what is left.
    [[nodiscard]] std::span<const std::byte> bytes(std::size_t count) noexcept {
        const auto taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    /// Two bytes of length, and so many, or what is left.
    [[nodiscard]] std::span<const std::byte> block() noexcept {
        return bytes(take<std::uint16_t>());
    }
    [[nodiscard]] std::span<const std::byte> rest() noexcept { return bytes(rest_.size()); }

  private:
    std::span<const std::byte> rest_;
};

[[nodiscard]] inline std::string_view text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace fuzz
