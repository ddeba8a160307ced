// SPDX-License-Identifier: MIT
//
// How much memory the kernel has in use: to show that what is done often does not add up.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace lab {

/// What modules allocate, and nobody gives back for them.
struct KernelMemory {
    std::map<std::string, std::int64_t> objects;  ///< kmalloc()ed and skbs, by cache
    std::int64_t per_cpu = 0;                     ///< KiB of alloc_percpu()
    std::int64_t areas = 0;                       ///< KiB of vmalloc() and vmap()
};

KernelMemory kernel_memory();

/// What has grown since then by so many objects of one cache, or by so many KiB: a line each.
std::string growth(const KernelMemory& before, const KernelMemory& now, std::int64_t much);

/// Netlink sockets of the calling thread's network namespace.
std::size_t netlink_sockets();

}  // namespace lab
