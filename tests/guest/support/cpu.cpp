// SPDX-License-Identifier: MIT
#include "cpu.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lab {
namespace {

// Whether it went. The kernel does the work before write() returns.
bool write_online(const char* value) {
    const int fd = ::open("/sys/devices/system/cpu/cpu1/online", O_WRONLY | O_CLOEXEC);
    const bool written = fd >= 0 && ::write(fd, value, 1) == 1;
    EXPECT_TRUE(written) << "CPU 1 online=" << value << ": " << std::strerror(errno);
    ::close(fd);
    return written;
}

}  // namespace

CpuOffline::CpuOffline() : offline_{write_online("0")} {}

CpuOffline::~CpuOffline() { online(); }

void CpuOffline::online() {
    if (offline_ && write_online("1")) offline_ = false;
}

}  // namespace lab
