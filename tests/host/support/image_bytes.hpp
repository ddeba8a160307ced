// SPDX-License-Identifier: MIT
#pragma once

#include <linux/statchan.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace test {

/// A snapshot image as the kernel would write it.
struct ImageBytes {
    statchan_snapshot head{};
    std::vector<std::uint64_t> counters;

    explicit ImageBytes(std::uint64_t schema_hash, std::size_t n) : counters(n) {
        head.magic = STATCHAN_SNAPSHOT_MAGIC;
        head.head_len = sizeof head;
        head.flags = STATCHAN_SNAP_ATOMIC;
        head.source = 3;
        head.n_counters = n;
        head.generation = 9;
        head.schema_hash = schema_hash;
        head.begin_ns = 100;
        head.end_ns = 200;
        for (std::size_t i = 0; i < n; ++i) counters[i] = i * 10;
    }

    [[nodiscard]] std::vector<std::uint64_t> words() const {
        std::vector<std::uint64_t> out(sizeof head / 8 + counters.size());
        std::memcpy(out.data(), &head, sizeof head);
        std::copy(counters.begin(), counters.end(), out.begin() + sizeof head / 8);
        return out;
    }
};

}  // namespace test
