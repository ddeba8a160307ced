// SPDX-License-Identifier: MIT
#include "mappable.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lab {
namespace {

struct Part {
    const char* name;
    std::uint32_t transport;  // 0: no channel
    std::uint32_t kind;
};

constexpr Part parts[] = {
    {"mmap_ring", STATCHAN_T_MMAP, STATCHAN_CHANNEL_SAMPLES},
    {"mmap_snapshot", STATCHAN_T_MMAP, STATCHAN_CHANNEL_SNAPSHOT},
    {"mmap_live", STATCHAN_T_MMAP, STATCHAN_CHANNEL_LIVE},
    {"relay", STATCHAN_T_RELAY, STATCHAN_CHANNEL_SAMPLES},
    {"calibrate", 0, 0},
};

const Part& part_of(const std::string& name) {
    for (const auto& part : parts)
        if (part.name == name) return part;
    throw std::runtime_error{"nothing called " + name + " can be mapped"};
}

std::size_t whole_pages(std::uint64_t bytes) {
    const auto page = page_size();
    return (static_cast<std::size_t>(bytes) + page - 1) / page * page;
}

}  // namespace

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::vector<std::string> mappables() {
    std::vector<std::string> names;
    for (const auto& part : parts) names.emplace_back(part.name);
    return names;
}

Mappable::Mappable(const std::string& what, std::uint32_t source)
    : device_{::open("/dev/statchan", O_RDWR | O_CLOEXEC)} {
    const auto& part = part_of(what);
    if (part.transport == 0) {
        offset_ = STATCHAN_MMAP_CALIBRATE;
        len_ = 4 * page_size();
        has_pages_ = false;
        holds_channel_ = false;
        return;
    }
    statchan_channel_req req{};
    req.size = sizeof req;
    req.source = source;
    req.transport = part.transport;
    req.kind = part.kind;
    req.want.buffer_size = 8 * page_size();
    req.want.subbufs = 2;
    // the images of a live one stay as they are
    if (part.kind == STATCHAN_CHANNEL_LIVE) req.want.period_ns = 24ULL * 3600 * 1'000'000'000;
    EXPECT_EQ(::ioctl(device_.get(), STATCHAN_IOC_CHANNEL_OPEN, &req), 0) << std::strerror(errno);
    if (part.transport == STATCHAN_T_RELAY) {
        file_ = Descriptor{::open((std::string{req.path} + "/cpu0").c_str(), O_RDWR | O_CLOEXEC)};
        len_ = static_cast<std::size_t>(req.got.buffer_size);
        holds_channel_ = false;
    } else if (part.kind == STATCHAN_CHANNEL_LIVE) {
        offset_ = STATCHAN_MMAP_LIVE;
        len_ = static_cast<std::size_t>(req.map_len);
    } else if (part.kind == STATCHAN_CHANNEL_SAMPLES) {
        // of the last CPU: what follows is nobody's
        offset_ = STATCHAN_MMAP_RING + (req.nr_cpus - 1) * req.ring_stride + page_size();
        len_ = page_size() + 2 * static_cast<std::size_t>(req.got.buffer_size);
    } else {
        statchan_snapshot_req snapshot{};
        snapshot.size = sizeof snapshot;
        EXPECT_EQ(::ioctl(device_.get(), STATCHAN_IOC_SNAPSHOT_MAP, &snapshot), 0);
        offset_ = snapshot.offset;
        len_ = whole_pages(snapshot.len);
    }
}

void* Mappable::map(std::uint64_t offset, std::size_t len, int prot, int flags) const {
    return ::mmap(nullptr, len, prot, flags, fd(), static_cast<off_t>(offset));
}

std::byte* Mappable::map() const {
    auto* const at = map(PROT_READ, MAP_SHARED);
    EXPECT_NE(at, MAP_FAILED) << std::strerror(errno);
    return static_cast<std::byte*>(at);
}

void Mappable::close() {
    file_.reset();
    device_.reset();
}

}  // namespace lab
