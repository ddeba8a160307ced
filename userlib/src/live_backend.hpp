// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <statchan/schema.hpp>
#include <statchan/time.hpp>
#include <string>

#include "fail.hpp"

namespace statchan::detail {

/// Memory of a live snapshot as the kernel shares it: control page and two images. Does not
/// copy, does not judge the images; that is LiveSnapshot's part. See struct statchan_live.
class LiveBackend {
  public:
    /// @p memory is aligned to a page and stays as long as @p owner.
    [[nodiscard]] static Result<std::unique_ptr<LiveBackend>> make(
        std::span<const std::byte> memory, std::shared_ptr<const void> owner,
        std::shared_ptr<const Schema> schema, std::string source);

    /// Number of complete images; 0: none yet. Acquires the image.
    [[nodiscard]] std::uint64_t seq() const noexcept;
    /// Image of that number, wherever the control page said it is at make().
    [[nodiscard]] std::span<const std::byte> image(std::uint64_t seq) const noexcept {
        return images_[seq & 1];
    }
    /// What was read of image @p seq before this call is not torn.
    [[nodiscard]] bool intact(std::uint64_t seq) const noexcept;
    [[nodiscard]] bool ended() const noexcept;
    [[nodiscard]] nanoseconds period() const noexcept;
    [[nodiscard]] std::uint64_t errors() const noexcept;

    [[nodiscard]] const std::shared_ptr<const Schema>& schema() const noexcept { return schema_; }
    [[nodiscard]] Task task() const noexcept { return {"read the live snapshot of", source_}; }

  private:
    LiveBackend() = default;
    const std::byte* control_ = nullptr;
    std::span<const std::byte> images_[2];
    std::shared_ptr<const void> owner_;
    std::shared_ptr<const Schema> schema_;
    std::string source_;
};

}  // namespace statchan::detail
