// SPDX-License-Identifier: MIT
#include "image.hpp"

#include <fmt/format.h>
#include <linux/statchan.h>

#include <array>
#include <cstring>
#include <utility>

#include "shared.hpp"

namespace statchan::detail {
namespace {

// Each word once: somebody may be writing.
statchan_snapshot load_head(const std::byte* image) noexcept {
    std::array<std::uint64_t, sizeof(statchan_snapshot) / 8> words;
    for (std::size_t i = 0; i < words.size(); ++i)
        words[i] = load_relaxed<std::uint64_t>(image + 8 * i);
    statchan_snapshot head;
    std::memcpy(&head, words.data(), sizeof head);
    return head;
}

}  // namespace

Result<ImageHead> read_image(std::span<const std::byte> image, Task task) {
    if (image.size() < sizeof(statchan_snapshot))
        return fail_data(task, fmt::format("{} bytes are too few for a snapshot", image.size()));
    const auto head = load_head(image.data());
    if (head.magic != STATCHAN_SNAPSHOT_MAGIC)
        return fail_data(task, fmt::format("magic of the snapshot is {:#x}", head.magic));
    if (head.head_len < sizeof head || head.head_len > image.size() || head.head_len % 8 != 0)
        return fail_data(task, fmt::format("the snapshot's head says it has {} bytes of {}",
                                           head.head_len, image.size()));
    const auto room = (image.size() - head.head_len) / sizeof(std::uint64_t);
    if (head.n_counters > room)
        return fail_data(
            task, fmt::format("{} counters in an image with room for {}", head.n_counters, room));
    const auto* first = reinterpret_cast<const std::uint64_t*>(image.data() + head.head_len);
    return ImageHead{.info = {.source = head.source,
                              .generation = head.generation,
                              .begin = time_from_ns(head.begin_ns),
                              .end = time_from_ns(head.end_ns),
                              .atomic = (head.flags & STATCHAN_SNAP_ATOMIC) != 0,
                              .torn = (head.flags & STATCHAN_SNAP_TORN) != 0},
                     .schema_hash = head.schema_hash,
                     .counters = {first, head.n_counters}};
}

Result<SnapshotView> view_image(const ImageHead& head, std::shared_ptr<const Schema> schema,
                                Task task) {
    if (head.schema_hash != schema->hash())
        return fail_data(task, fmt::format("the snapshot is of schema {:#x}, not {:#x}",
                                           head.schema_hash, schema->hash()));
    if (head.counters.size() != schema->counters())
        return fail_data(task, fmt::format("{} counters for a schema of {}", head.counters.size(),
                                           schema->counters()));
    return SnapshotView{head.info, std::move(schema), head.counters};
}

std::size_t image_bytes(std::uint64_t n_counters) noexcept {
    return sizeof(statchan_snapshot) + n_counters * sizeof(std::uint64_t);
}

}  // namespace statchan::detail
