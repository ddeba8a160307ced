// SPDX-License-Identifier: MIT
#include "memory.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "common/shrink_slabs.hpp"

namespace lab {
namespace {

// Two caches come and go by hundreds, whatever we do.
bool is_telling(const std::string& cache) {
    return cache.starts_with("skb") ||
           (cache.starts_with("kmalloc-") && cache != "kmalloc-8" && cache != "kmalloc-96");
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
        if (words >> cache >> active && is_telling(cache)) memory[cache] = active;
    }
    std::ifstream file{"/proc/meminfo"};
    std::string key;
    std::string unit;
    for (std::int64_t value = 0; file >> key >> value; std::getline(file, unit)) {
        if (key == "Percpu:") memory["KiB per CPU"] = value;
        if (key == "VmallocUsed:") memory["KiB of areas"] = value;
    }
    return memory;
}

std::string steady_growth(const std::vector<KernelMemory>& one_after_another, std::int64_t much) {
    std::string text;
    if (one_after_another.empty()) return text;
    for (const auto& [what, first] : one_after_another.front()) {
        bool steady = true;
        std::string course = what + ": " + std::to_string(first);
        for (std::size_t i = 1; i < one_after_another.size(); ++i) {
            const auto before = one_after_another[i - 1].at(what);
            const auto now = one_after_another[i].at(what);
            steady &= now - before >= much;
            course += " -> " + std::to_string(now);
        }
        if (steady) text += course + "\n";
    }
    return text;
}

std::size_t netlink_sockets() {
    std::ifstream file{"/proc/thread-self/net/netlink"};
    return static_cast<std::size_t>(
        std::count(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}, '\n'));
}

}  // namespace lab
