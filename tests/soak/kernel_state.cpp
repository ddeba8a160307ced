// SPDX-License-Identifier: MIT
#include "kernel_state.hpp"

#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <statchan/statchan.hpp>

#include "chance.hpp"
#include "common/free_memory.hpp"
#include "common/shrink_slabs.hpp"

namespace soak {
namespace {

std::int64_t memory(const std::string& wanted) {
    std::ifstream file{"/proc/meminfo"};
    std::string name, unit;
    std::int64_t kib = 0;
    while (file >> name >> kib) {
        if (name == wanted + ":") return kib;
        std::getline(file, unit);
    }
    return 0;
}

std::int64_t count_areas() {
    std::ifstream areas{"/proc/vmallocinfo"};
    std::int64_t count = 0;
    for (std::string line; std::getline(areas, line);)
        if (line.find("[statchan") != std::string::npos) ++count;
    return count;
}

std::int64_t count_folders() {
    std::error_code gone;
    std::int64_t count = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator{"/sys/kernel/debug/statchan", gone})
        if (entry.is_directory() && std::isdigit(entry.path().filename().string().front()) != 0)
            ++count;
    return count;
}

std::int64_t users(const std::string& module) {
    std::ifstream file{"/sys/module/" + module + "/refcnt"};
    std::int64_t count = -1;
    file >> count;
    return count;
}

}  // namespace

KernelState KernelState::now() {
    ::sync();
    // What the kernel caches; what a CPU has counted, but not told yet.
    std::ofstream{"/proc/sys/vm/drop_caches"} << "3\n";
    lab::shrink_slabs();
    std::ofstream{"/proc/sys/vm/stat_refresh"} << "1\n";
    KernelState state{.free = lab::free_memory(),
                      .slab = memory("Slab"),
                      .areas = count_areas(),
                      .folders = count_folders(),
                      .core_users = users("statchan"),
                      .synth_users = users("statchan_synth")};
    const auto client = statchan::Client::open({.transport = "ioctl"});
    if (!client) throw Fault{client.error().message()};
    if (const auto channels = client->channels())
        state.channels = static_cast<std::int64_t>(channels->size());
    if (const auto sources = client->sources())
        state.sources = static_cast<std::int64_t>(sources->size());
    return state;
}

std::vector<Kept> compare(const KernelState& before, const KernelState& after) {
    constexpr auto tolerance = KernelState::tolerance;
    const auto caches = [](char sign) {
        return sign + std::to_string(tolerance / 1024) + " MiB, caches";
    };
    const auto exact = [](const char* what, std::int64_t then, std::int64_t now) {
        return Kept{what, then, now, "none", then != now};
    };
    return {
        {"free memory, KiB", before.free, after.free, caches('-'),
         after.free < before.free - tolerance},
        {"Slab, KiB", before.slab, after.slab, caches('+'), after.slab > before.slab + tolerance},
        exact("memory areas of the modules", before.areas, after.areas),
        exact("relay folders", before.folders, after.folders),
        exact("channels", before.channels, after.channels),
        exact("sources", before.sources, after.sources),
        exact("references to statchan", before.core_users, after.core_users),
        exact("references to synth", before.synth_users, after.synth_users)};
}

KernelState KernelState::at_rest() {
    constexpr std::int64_t still = 512;  // KiB
    const auto deadline = Clock::now() + 15s;
    auto state = now();
    for (int quiet = 0; quiet < 3 && Clock::now() < deadline;) {
        std::this_thread::sleep_for(300ms);
        const auto later = now();
        const bool moved = later.free > state.free + still || later.slab < state.slab - still ||
                           later.areas != state.areas || later.channels != state.channels ||
                           later.core_users != state.core_users;
        quiet = moved ? 0 : quiet + 1;
        state = later;
    }
    return state;
}

}  // namespace soak
