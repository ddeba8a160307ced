// SPDX-License-Identifier: MIT
//
// How much memory the kernel has in use: to show that what is done often does not add up.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lab {

/// What modules allocate and nobody gives back for them: objects of kmalloc() and skbs by cache,
/// KiB of alloc_percpu() and vmalloc().
using KernelMemory = std::map<std::string, std::int64_t>;

KernelMemory kernel_memory();

/// What has grown from each to the next by so much, a line each. What only comes and goes does not.
std::string steady_growth(const std::vector<KernelMemory>& one_after_another, std::int64_t much);

/// Netlink sockets of the calling thread's network namespace.
std::size_t netlink_sockets();

}  // namespace lab
