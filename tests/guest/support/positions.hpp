// SPDX-License-Identifier: MIT
//
// The kernel's memory that this process has mapped, by whatever transport; and the positions of
// consumers in it, which are all that it may write.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

namespace lab {

std::vector<std::span<const std::byte>> kernel_memory_here();
std::vector<std::uint64_t*> writable_positions();

/// Writes all sorts of numbers into them, until it goes.
class Forger {
  public:
    Forger();
    Forger(const Forger&) = delete;
    Forger& operator=(const Forger&) = delete;
    ~Forger();

  private:
    std::vector<std::uint64_t*> positions_ = writable_positions();
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace lab
