// SPDX-License-Identifier: MIT
#include "positions.hpp"

#include <fstream>
#include <string>

namespace lab {

namespace {

struct Area {
    std::uint64_t begin;
    std::uint64_t end;
    bool writable;
};

std::vector<Area> areas() {
    std::vector<Area> found;
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);) {
        if (line.find("/dev/statchan") == std::string::npos &&
            line.find("bpf-map") == std::string::npos)
            continue;
        const auto dash = line.find('-');
        found.push_back({.begin = std::stoull(line, nullptr, 16),
                         .end = std::stoull(line.substr(dash + 1), nullptr, 16),
                         .writable = line.find(" rw-s ") != std::string::npos});
    }
    return found;
}

}  // namespace

std::vector<std::span<const std::byte>> kernel_memory_here() {
    std::vector<std::span<const std::byte>> found;
    for (const auto& area : areas())
        found.emplace_back(reinterpret_cast<const std::byte*>(area.begin), area.end - area.begin);
    return found;
}

std::vector<std::uint64_t*> writable_positions() {
    std::vector<std::uint64_t*> found;
    for (const auto& area : areas())
        if (area.writable) found.push_back(reinterpret_cast<std::uint64_t*>(area.begin));
    return found;
}

Forger::Forger()
    : thread_{[this] {
          // shifts make small and huge ones, behind and before, whole and odd
          for (std::uint64_t x = 1; !stop_; x = x * 6364136223846793005ULL + 1442695040888963407ULL)
              for (auto* position : positions_)
                  std::atomic_ref{*position}.store(x >> (x >> 58), std::memory_order_relaxed);
      }} {}

Forger::~Forger() {
    stop_ = true;
    thread_.join();
}

}  // namespace lab
