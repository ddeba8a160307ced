// SPDX-License-Identifier: MIT
//
// What the kernel holds, for before and after.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace soak {

struct KernelState {
    // KiB
    std::int64_t free = 0;
    std::int64_t slab = 0;
    // of the modules: exact
    std::int64_t areas = 0;    ///< lines of /proc/vmallocinfo
    std::int64_t folders = 0;  ///< of relay channels in debugfs
    std::int64_t channels = 0;
    std::int64_t sources = 0;
    std::int64_t core_users = 0;  ///< references to statchan.ko
    std::int64_t synth_users = 0;

    /// What may be less free, or more in slabs, afterwards: KiB. Both differ by some 0.3 MiB after
    /// 20 s; a leak of one buffer per stream would be more than this by far.
    static constexpr std::int64_t tolerance = 8 * 1024;

    /// What it is now, without what the kernel can drop at once.
    static KernelState now();
    /// Once the kernel gives no more memory back: what closed sockets and finished processes held
    /// is freed a little later.
    static KernelState at_rest();
};

/// A line of the comparison of what was before and after.
struct Kept {
    const char* what;
    std::int64_t before;
    std::int64_t after;
    std::string tolerance;
    bool too_much;
};
std::vector<Kept> compare(const KernelState& before, const KernelState& after);

}  // namespace soak
