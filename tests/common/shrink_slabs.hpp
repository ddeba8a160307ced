// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <fstream>
#include <system_error>

namespace lab {

/// What was freed and is kept for next time, or where KASAN watches to see who uses it still,
/// counts as in use otherwise.
inline void shrink_slabs() {
    std::error_code gone;
    for (const auto& cache : std::filesystem::directory_iterator{"/sys/kernel/slab", gone})
        if (!cache.is_symlink()) std::ofstream{cache.path() / "shrink"} << 1;
}

}  // namespace lab
