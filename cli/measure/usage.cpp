// SPDX-License-Identifier: MIT
#include "measure/usage.hpp"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

namespace statctl::measure {

MachineTime MachineTime::now() {
    std::ifstream stat{"/proc/stat"};
    std::string word;
    double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0;
    stat >> word >> user >> nice >> system >> idle >> iowait >> irq >> softirq;
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    return {(user + nice) / ticks, system / ticks, (irq + softirq) / ticks};
}

std::chrono::nanoseconds thread_time() {
    timespec spent{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return std::chrono::seconds{spent.tv_sec} + std::chrono::nanoseconds{spent.tv_nsec};
}

std::uint64_t own_memory() {
    std::ifstream status{"/proc/self/status"};
    std::string word;
    std::uint64_t kib = 0;
    while (status >> word)
        if (word == "RssAnon:") status >> kib;
    return kib << 10U;
}

SystemCalls::SystemCalls() {
    std::uint64_t id = 0;
    std::ifstream{"/sys/kernel/tracing/events/raw_syscalls/sys_enter/id"} >> id;
    if (id == 0) return;
    perf_event_attr attr{};
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.size = sizeof attr;
    attr.config = id;
    fd_ = static_cast<int>(::syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

SystemCalls::~SystemCalls() {
    if (fd_ >= 0) ::close(fd_);
}

std::optional<std::uint64_t> SystemCalls::count() {
    std::uint64_t calls = 0;
    if (fd_ < 0 || ::read(fd_, &calls, sizeof calls) != sizeof calls) return std::nullopt;
    return calls - ++own_;
}

}  // namespace statctl::measure
