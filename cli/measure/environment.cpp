// SPDX-License-Identifier: MIT
#include "measure/environment.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <statchan/client.hpp>
#include <string>

#include "json.hpp"

namespace statctl::measure {

namespace {

std::string first_line(const std::filesystem::path& path) {
    std::ifstream file{path};
    std::string line;
    std::getline(file, line);
    return valid_utf8(line);
}

// "model name\t: QEMU TCG CPU version 2.5+" of the first CPU.
std::string cpu_model() {
    std::ifstream file{"/proc/cpuinfo"};
    for (std::string line; std::getline(file, line);) {
        const auto colon = line.find(": ");
        if (line.starts_with("model name") && colon != std::string::npos)
            return valid_utf8(line.substr(colon + 2));
    }
    return {};
}

void add_mitigations(statchan::results::Environment& environment) {
    std::error_code missing;
    std::vector<std::string> found;
    for (const auto& entry :
         std::filesystem::directory_iterator{"/sys/devices/system/cpu/vulnerabilities", missing}) {
        const auto state = first_line(entry.path());
        if (state != "Not affected")
            found.push_back(entry.path().filename().string() + ": " + state);
    }
    std::sort(found.begin(), found.end());
    for (auto& line : found) environment.add_mitigations(std::move(line));
}

}  // namespace

statchan::results::Environment environment() {
    statchan::results::Environment e;
    utsname names{};
    if (::uname(&names) == 0) e.set_kernel(names.release);
    e.set_cpu(cpu_model());
    e.set_cpus(static_cast<std::uint32_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
    e.set_page_size(static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE)));
    const char* accelerator = std::getenv("STATCHAN_ACCEL");
    if (accelerator != nullptr) e.set_accelerator(valid_utf8(accelerator));
    e.set_instructions(e.accelerator() == "icount");
    add_mitigations(e);
    e.set_governor(first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
    e.set_clock(first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
    e.set_command_line(first_line("/proc/cmdline"));
    e.set_version(STATCHAN_VERSION);
    if (const auto client = statchan::Client::open({.transport = "ioctl"}))
        if (const auto version = client->version()) e.set_abi(version->abi);
    return e;
}

}  // namespace statctl::measure
