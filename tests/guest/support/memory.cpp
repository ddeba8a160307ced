// SPDX-License-Identifier: MIT
#include "memory.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace lab {
namespace {

// Gives back what allocators keep for next time: otherwise that is most of a small difference.
void shrink_slabs() {
    std::error_code gone;
    for (const auto& cache : std::filesystem::directory_iterator{"/sys/kernel/slab", gone})
        if (!cache.is_symlink()) std::ofstream{cache.path() / "shrink"} << 1;
}

}  // namespace

std::string KernelMemory::text() const {
    return "slab " + std::to_string(slab) + ", per CPU " + std::to_string(per_cpu) + ", areas " +
           std::to_string(areas) + " KiB";
}

KernelMemory kernel_memory() {
    shrink_slabs();
    KernelMemory memory;
    std::ifstream file{"/proc/meminfo"};
    std::string key;
    std::string unit;
    for (std::int64_t value = 0; file >> key >> value; std::getline(file, unit)) {
        if (key == "SUnreclaim:") memory.slab = value;
        if (key == "Percpu:") memory.per_cpu = value;
        if (key == "VmallocUsed:") memory.areas = value;
    }
    return memory;
}

std::size_t netlink_sockets() {
    std::ifstream file{"/proc/thread-self/net/netlink"};
    return static_cast<std::size_t>(
        std::count(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}, '\n'));
}

}  // namespace lab
