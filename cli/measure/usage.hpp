// SPDX-License-Identifier: MIT
//
// What was spent: processor time, system calls, memory. Taken twice; the difference counts.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace statctl::measure {

/// Processor time of the whole machine, by what it was spent on, in seconds. Softirqs and kernel
/// threads work for a channel too, and no process is charged for them.
struct MachineTime {
    double user = 0;
    double kernel = 0;
    double softirq = 0;  ///< and hardirq
    [[nodiscard]] double total() const noexcept { return user + kernel + softirq; }

    [[nodiscard]] static MachineTime now();
    friend MachineTime operator-(const MachineTime& a, const MachineTime& b) noexcept {
        return {a.user - b.user, a.kernel - b.kernel, a.softirq - b.softirq};
    }
};

/// Processor time of the calling thread.
[[nodiscard]] std::chrono::nanoseconds thread_time();

/// Memory that this process has of its own: not shared with the kernel, no file. Bytes.
[[nodiscard]] std::uint64_t own_memory();

/// Counts the system calls of the calling thread from now on, by the kernel's own tracepoint, which
/// costs a little with each. Nothing where that is not to be had. The kernel patches itself for it:
/// let no other thread be busy just then (emulators have been seen to miss such a change).
class SystemCalls {
  public:
    SystemCalls();
    SystemCalls(const SystemCalls&) = delete;
    SystemCalls& operator=(const SystemCalls&) = delete;
    ~SystemCalls();

    /// Not counting that this one makes.
    [[nodiscard]] std::optional<std::uint64_t> count();

  private:
    int fd_ = -1;
    std::uint64_t own_ = 0;
};

}  // namespace statctl::measure
