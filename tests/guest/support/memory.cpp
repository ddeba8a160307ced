// SPDX-License-Identifier: MIT
#include "memory.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace lab {
namespace {

// Otherwise objects that were freed, but are kept for next time, count as in use.
void shrink_slabs() {
    std::error_code gone;
    for (const auto& cache : std::filesystem::directory_iterator{"/sys/kernel/slab", gone})
        if (!cache.is_symlink()) std::ofstream{cache.path() / "shrink"} << 1;
}

std::string grown(const std::string& what, std::int64_t before, std::int64_t now,
                  std::int64_t much) {
    if (now - before < much) return {};
    return what + ": " + std::to_string(before) + " -> " + std::to_string(now) + "\n";
}

}  // namespace

KernelMemory kernel_memory() {
    shrink_slabs();
    KernelMemory memory;
    std::ifstream slabs{"/proc/slabinfo"};
    for (std::string line; std::getline(slabs, line);) {
        std::istringstream words{line};
        std::string cache;
        std::int64_t active = 0;
        if (words >> cache >> active && (cache.starts_with("kmalloc-") || cache.starts_with("skb")))
            memory.objects[cache] = active;
    }
    std::ifstream file{"/proc/meminfo"};
    std::string key;
    std::string unit;
    for (std::int64_t value = 0; file >> key >> value; std::getline(file, unit)) {
        if (key == "Percpu:") memory.per_cpu = value;
        if (key == "VmallocUsed:") memory.areas = value;
    }
    return memory;
}

std::string growth(const KernelMemory& before, const KernelMemory& now, std::int64_t much) {
    auto text = grown("per CPU", before.per_cpu, now.per_cpu, much) +
                grown("areas", before.areas, now.areas, much);
    for (const auto& [cache, active] : now.objects) {
        const auto then = before.objects.find(cache);
        text += grown(cache, then == before.objects.end() ? 0 : then->second, active, much);
    }
    return text;
}

std::size_t netlink_sockets() {
    std::ifstream file{"/proc/thread-self/net/netlink"};
    return static_cast<std::size_t>(
        std::count(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}, '\n'));
}

}  // namespace lab
