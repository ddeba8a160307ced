// SPDX-License-Identifier: MIT
//
// How much memory the kernel has: to show that something done often does not add up.
#pragma once

#include <cstdint>
#include <string>

namespace lab {

/// What the kernel holds and can not give back, in KiB.
struct KernelMemory {
    std::int64_t slab = 0;     ///< objects, caches of files not counted
    std::int64_t per_cpu = 0;  ///< alloc_percpu()
    std::int64_t areas = 0;    ///< vmalloc() and vmap()

    [[nodiscard]] std::string text() const;
};

KernelMemory kernel_memory();

/// Netlink sockets of the calling thread's network namespace.
std::size_t netlink_sockets();

}  // namespace lab
