// SPDX-License-Identifier: MIT
//
// What the kernel holds, for before and after.
#pragma once

#include <cstdint>
#include <string>

namespace soak {

struct KernelState {
    // KiB
    std::int64_t available = 0;
    std::int64_t slab = 0;
    // of the modules: exact
    std::int64_t areas = 0;    ///< lines of /proc/vmallocinfo
    std::int64_t folders = 0;  ///< of relay channels in debugfs
    std::int64_t channels = 0;
    std::int64_t sources = 0;
    std::int64_t core_users = 0;  ///< references to statchan.ko
    std::int64_t synth_users = 0;

    /// What may be less available, or more in slabs, afterwards: KiB. The kernel's caches (of
    /// processes, sockets, per CPU) breathe by some 10 MiB. A leak of one buffer per stream
    /// would be more after a minute.
    static constexpr std::int64_t available_tolerance = 32 * 1024;
    static constexpr std::int64_t slab_tolerance = 8 * 1024;

    /// What it is now, without what the kernel can drop at once.
    static KernelState now();
    /// Once the kernel gives no more memory back: what closed sockets and finished processes held
    /// is freed a little later.
    static KernelState at_rest();
    [[nodiscard]] bool flat(const KernelState& later) const noexcept;
};

}  // namespace soak
