// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <statchan/snapshot.hpp>

#include "fail.hpp"

namespace statchan::detail {

/// Head of a snapshot image, checked against the bytes there are.
struct ImageHead {
    SnapshotInfo info;
    std::uint64_t schema_hash = 0;
    std::span<const std::uint64_t> counters{};  ///< in the image
};

/// Reads the head once, so the image may be shared memory. It must be aligned to 8.
[[nodiscard]] Result<ImageHead> read_image(std::span<const std::byte> image, Task task);

/// Image and schema together, if they belong together.
[[nodiscard]] Result<SnapshotView> view_image(const ImageHead& head,
                                              std::shared_ptr<const Schema> schema, Task task);

/// Bytes of an image of so many counters, as this ABI writes it.
[[nodiscard]] std::size_t image_bytes(std::uint64_t n_counters) noexcept;

}  // namespace statchan::detail
