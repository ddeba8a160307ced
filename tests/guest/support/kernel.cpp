// SPDX-License-Identifier: MIT
#include "kernel.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <statchan/statchan.hpp>

#include "process.hpp"

namespace lab {
namespace {

constexpr const char* debugfs = "/sys/kernel/debug/statchan";

// A complaint of the kernel, as scripts/lib/klog.sh knows them; that list judges the whole run,
// this one names the test.
bool is_complaint(const std::string& line) {
    static constexpr const char* words[] = {
        "WARNING: ",
        "BUG: ",
        "Oops: ",
        "UBSAN: ",
        "KASAN: ",
        "refcount_t: ",
        "unregister_netdevice: waiting",
        "list_add corrupt",
        "list_del corr",
        "blocked for more than",
    };
    return std::any_of(std::begin(words), std::end(words),
                       [&](const char* word) { return line.find(word) != std::string::npos; });
}

std::vector<std::string> channels_and_sources() {
    std::vector<std::string> found;
    auto client = statchan::Client::open({.transport = "ioctl"});
    if (!client) return found;
    if (const auto channels = client->channels())
        for (const auto& channel : *channels)
            found.push_back("channel " + std::to_string(channel.id) + " over " + channel.transport +
                            " of process " + std::to_string(channel.pid));
    if (const auto sources = client->sources())
        for (const auto& source : *sources) found.push_back("source " + source.name);
    return found;
}

std::string join(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += "  " + line + "\n";
    return text;
}

}  // namespace

std::vector<std::string> kernel_areas() {
    std::vector<std::string> found;
    std::ifstream areas{"/proc/vmallocinfo"};
    for (std::string line; std::getline(areas, line);) {
        // The modules' own code is an area too; load_module() made it.
        if (line.find("[statchan") != std::string::npos) found.push_back(line);
    }
    return found;
}

std::vector<std::string> relay_folders() {
    std::vector<std::string> found;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator{debugfs, gone})
        if (entry.is_directory() && std::isdigit(entry.path().filename().string().front()) != 0)
            found.push_back(entry.path().string());
    return found;
}

std::vector<std::string> kernel_holdings() {
    auto found = channels_and_sources();
    for (auto&& folder : relay_folders()) found.push_back("folder " + folder);
    for (auto&& area : kernel_areas()) found.push_back("memory " + area);
    return found;
}

int module_users(const std::string& module) {
    std::ifstream file{"/sys/module/" + module + "/refcnt"};
    int users = -1;
    file >> users;
    return file ? users : -1;
}

KernelWatch::KernelWatch() : log_{::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)} {
    ::lseek(log_, 0, SEEK_END);
}

KernelWatch::~KernelWatch() { ::close(log_); }

std::vector<std::string> KernelWatch::new_complaints() const {
    std::vector<std::string> found;
    char record[8192];
    for (;;) {
        const ssize_t got = ::read(log_, record, sizeof record);
        if (got < 0 && errno == EPIPE) continue;  // overtaken by the log
        if (got <= 0) return found;
        const std::string line{record, static_cast<std::size_t>(got)};
        if (is_complaint(line)) found.push_back(line);
    }
}

void KernelWatch::OnTestStart(const testing::TestInfo&) { (void)new_complaints(); }

void KernelWatch::OnTestEnd(const testing::TestInfo& test) {
    std::vector<std::string> holdings;
    if (!eventually([&] { return (holdings = kernel_holdings()).empty(); }))
        ADD_FAILURE() << test.test_suite_name() << "." << test.name()
                      << " has left in the kernel:\n"
                      << join(holdings);
    if (const auto complaints = new_complaints(); !complaints.empty())
        ADD_FAILURE() << "the kernel complained:\n" << join(complaints);
}

}  // namespace lab
