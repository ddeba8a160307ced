// SPDX-License-Identifier: MIT
//
// What only the kernel can measure: STATCHAN_IOC_CALIBRATE. It bounds each call, so it may do it
// fewer times than it was asked to.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <vector>

#include "measure/experiment.hpp"

namespace statctl::measure {

namespace {

tl::unexpected<std::string> cannot_open() {
    switch (errno) {
        case ENOENT:
        case ENODEV:
        case ENXIO:
            return tl::unexpected<std::string>("the statchan module is not loaded");
        case EACCES:
        case EPERM:
            return tl::unexpected<std::string>("permission denied: /dev/statchan is for root");
        default:
            return failed("/dev/statchan");
    }
}

tl::unexpected<std::string> refused(int device) {
    const int error = errno;
    if (error == ENOTTY)
        return tl::unexpected<std::string>(
            "the module that is loaded can not calibrate: it is older");
    statchan_error sentence{};
    sentence.size = sizeof sentence;
    if (::ioctl(device, STATCHAN_IOC_ERROR, &sentence) == 0 && sentence.text[0] != '\0')
        return tl::unexpected<std::string>(sentence.text);
    errno = error;
    return failed("STATCHAN_IOC_CALIBRATE");
}

// Nanoseconds of one.
Cost calibrate_once(int device, statchan_calibrate request) {
    if (::ioctl(device, STATCHAN_IOC_CALIBRATE, &request) != 0) return refused(device);
    if (request.iterations == 0) return tl::unexpected<std::string>("interrupted");
    return static_cast<double>(request.ns) / static_cast<double>(request.iterations);
}

statchan_calibrate request_for(std::uint32_t step, std::uint64_t bytes) {
    statchan_calibrate request{};
    request.size = sizeof request;
    request.step = step;
    request.bytes = bytes;
    return request;
}

Fd open_device() { return Fd{::open("/dev/" STATCHAN_DEVICE, O_RDWR | O_CLOEXEC)}; }

template <std::uint32_t step>
Prepared prepare_step(std::uint64_t bytes) {
    auto device = std::make_shared<Fd>(open_device());
    if (!*device) return cannot_open();
    return [device, request = request_for(step, bytes)](std::uint64_t times) mutable -> Cost {
        request.iterations = times;
        return calibrate_once(device->get(), request);
    };
}

Prepared prepare_copy(std::uint64_t bytes) {
    auto device = std::make_shared<Fd>(open_device());
    if (!*device) return cannot_open();
    const auto to = std::make_shared<std::vector<char>>(bytes, 1);
    auto request = request_for(STATCHAN_CAL_COPY, bytes);
    request.buf = reinterpret_cast<std::uintptr_t>(to->data());
    return [device, to, request](std::uint64_t times) mutable -> Cost {
        request.iterations = times;
        return calibrate_once(device->get(), request).map([&](double ns) {
            return ns / static_cast<double>(request.bytes);
        });
    };
}

// An area of the device's own, into which the kernel puts pages.
class Area {
  public:
    Area(int device, std::size_t size)
        : size_{size},
          at_{::mmap(nullptr, size, PROT_READ, MAP_SHARED, device, STATCHAN_MMAP_CALIBRATE)} {}
    Area(const Area&) = delete;
    Area& operator=(const Area&) = delete;
    ~Area() {
        if (good()) ::munmap(at_, size_);
    }
    [[nodiscard]] bool good() const noexcept { return at_ != MAP_FAILED; }
    [[nodiscard]] std::uint64_t address() const noexcept {
        return reinterpret_cast<std::uintptr_t>(at_);
    }

  private:
    std::size_t size_;
    void* at_;
};

Prepared prepare_remap(std::uint64_t bytes) {
    auto device = std::make_shared<Fd>(open_device());
    if (!*device) return cannot_open();
    const auto area = std::make_shared<Area>(device->get(), bytes);
    if (!area->good()) {
        if (errno == EPERM) return tl::unexpected<std::string>("calibrating needs CAP_SYS_ADMIN");
        return failed("mmap");
    }
    auto request = request_for(STATCHAN_CAL_REMAP, bytes);
    request.buf = area->address();
    return [device, area, request](std::uint64_t times) mutable -> Cost {
        request.iterations = times;
        return calibrate_once(device->get(), request);
    };
}

constexpr std::uint64_t remap_bytes[] = {1 << 20};
constexpr std::uint64_t skb_bytes[] = {1024};

constexpr std::array in_the_kernel{
    Experiment{"clock.kernel", "ns", "ktime_get_ns()", no_size, prepare_step<STATCHAN_CAL_CLOCK>},
    Experiment{"syscall.kernel.vfs", "ns",
               "kernel_read() of 0 bytes from an empty tmpfs file, as a memfd is", no_size,
               prepare_step<STATCHAN_CAL_VFS>},
    Experiment{"syscall.kernel.fop", "ns", "the same through the file's own read_iter()", no_size,
               prepare_step<STATCHAN_CAL_FOP>},
    Experiment{"copy_to_user", "ns/B", "from vmalloc() memory to one buffer, again and again",
               copy_sizes, prepare_copy},
    Experiment{"page.remap", "ns/page",
               "a page put into a mapping (vmf_insert_pfn) and taken out (zap_vma_ptes)",
               remap_bytes, prepare_remap},
    Experiment{"skb.alloc", "ns", "alloc_skb() and consume_skb()", skb_bytes,
               prepare_step<STATCHAN_CAL_SKB>},
    Experiment{"emit.nobody", "ns", "a sample offered while nobody listens to any source", no_size,
               prepare_step<STATCHAN_CAL_NOBODY>},
    Experiment{"emit.unheard", "ns", "the same while somebody listens to another source", no_size,
               prepare_step<STATCHAN_CAL_UNHEARD>},
};

}  // namespace

std::span<const Experiment> kernel_experiments() { return in_the_kernel; }

}  // namespace statctl::measure
