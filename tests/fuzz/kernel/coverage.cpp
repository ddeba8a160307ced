// SPDX-License-Identifier: MIT
#include "coverage.hpp"

#include <fcntl.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

namespace fuzz {
namespace {

constexpr std::size_t room = 1U << 17U;  // points of one program
constexpr const char* path = "/sys/kernel/debug/kcov";

struct Section {
    std::string module;
    std::string name;
    std::uint64_t begin;
};

// Where the modules' code lies. Sections have no length here: an address is in the one that begins
// last before it.
std::vector<Section> code() {
    std::vector<Section> sections;
    for (const auto& module : std::filesystem::directory_iterator{"/sys/module"}) {
        const auto name = module.path().filename().string();
        if (!name.starts_with("statchan")) continue;
        for (const auto& entry : std::filesystem::directory_iterator{module.path() / "sections"}) {
            const auto section = entry.path().filename().string();
            // What loading alone needs is not there any more, and its place is others'.
            if (section != ".text" && section != ".text.unlikely") continue;
            std::ifstream file{entry.path()};
            std::uint64_t begin = 0;
            if (file >> std::hex >> begin) sections.push_back({name, section, begin});
        }
    }
    return sections;
}

const Section* section_of(const std::vector<Section>& sections, std::uint64_t address) {
    const Section* found = nullptr;
    for (const auto& section : sections)
        if (section.begin <= address && (found == nullptr || section.begin > found->begin))
            found = &section;
    return found;
}

}  // namespace

Trace::Trace() : fd_{::open(path, O_RDWR | O_CLOEXEC)} {
    if (fd_ < 0) throw std::system_error{errno, std::generic_category(), path};
    if (::ioctl(fd_, KCOV_INIT_TRACE, room) != 0)
        throw std::system_error{errno, std::generic_category(), "KCOV_INIT_TRACE"};
    void* area = ::mmap(nullptr, room * sizeof *area_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (area == MAP_FAILED) throw std::system_error{errno, std::generic_category(), "mmap of KCOV"};
    area_ = static_cast<std::uint64_t*>(area);
    if (::ioctl(fd_, KCOV_ENABLE, KCOV_TRACE_PC) != 0)
        throw std::system_error{errno, std::generic_category(), "KCOV_ENABLE"};
}

Trace::~Trace() {
    ::ioctl(fd_, KCOV_DISABLE, 0);
    ::munmap(area_, room * sizeof *area_);
    ::close(fd_);
}

void Trace::start() { __atomic_store_n(&area_[0], 0, __ATOMIC_RELAXED); }

std::span<const std::uint64_t> Trace::stop() {
    return {area_ + 1, __atomic_load_n(&area_[0], __ATOMIC_RELAXED)};
}

bool Reached::add(std::span<const std::uint64_t> points) {
    bool is_new = false;
    std::uint64_t before = 0;
    for (const auto point : points) {
        is_new |= points_.insert(point).second;
        is_new |= steps_.insert(before * 31 ^ point).second;
        before = point;
    }
    return is_new;
}

void Reached::write(const std::string& file) const {
    const auto sections = code();
    std::ofstream out{file};
    for (const auto point : points_)
        if (const auto* section = section_of(sections, point))
            out << section->module << ' ' << section->name << ' ' << std::hex
                << point - section->begin << '\n';
    if (!out.flush()) throw std::runtime_error{"can not write " + file};
}

}  // namespace fuzz
