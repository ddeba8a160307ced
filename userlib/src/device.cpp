// SPDX-License-Identifier: MIT
#include "device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "abi.hpp"

namespace statchan::detail {
namespace {

constexpr auto default_path = "/dev/" STATCHAN_DEVICE;

Fail open_failed(int err, const std::string& path) {
    const Task task{"open", path};
    switch (err) {
        case ENOENT:
        case ENXIO:
        case ENODEV:
            return fail(errc::module_not_loaded, task, "statchan module is not loaded",
                        "run modprobe statchan");
        case EPERM:
        case EACCES:
            return fail(errc::permission_denied, task, "no permission to open the device",
                        "run as root, or let the administrator change the mode of " + path);
        default:
            return fail_errno(err, task);
    }
}

}  // namespace

Result<Device> Device::open(const std::string& path) {
    Device device{Fd{}, path.empty() ? default_path : path};
    // Writable, because a mapping of consumer positions is.
    device.fd_ = Fd{::open(device.path_.c_str(), O_RDWR | O_CLOEXEC)};
    if (!device.fd_) return open_failed(errno, device.path_);
    if (auto checked = device.check_abi(); !checked) return pass_on(checked.error());
    return device;
}

Result<void> Device::check_abi() {
    statchan_version v{};
    const Task task{"ask for the version of", path_};
    const int err = try_call(STATCHAN_IOC_VERSION, v);
    if (err == ENOTTY || err == EINVAL)
        return fail(errc::abi_mismatch, task,
                    fmt::format("this is no statchan device ({})", std::strerror(err)),
                    "look at ClientOptions::device");
    if (err != 0) return fail_errno(err, task);
    version_ = {.abi = v.abi, .nr_cpus = v.nr_cpus};
    return check_version(version_, {"open", path_});
}

int Device::raw_call(unsigned long request, void* arg) const noexcept {
    while (::ioctl(fd_.get(), request, arg) < 0)
        if (errno != EINTR) return errno;
    return 0;
}

Fail Device::failed(int err, Task task) const {
    statchan_error sentence{};
    if (try_call(STATCHAN_IOC_ERROR, sentence) != 0) return fail_errno(err, task);
    return fail_errno(err, task, {sentence.text, ::strnlen(sentence.text, sizeof sentence.text)});
}

Result<Mapping> Device::map(std::uint64_t offset, std::size_t len, bool writable, Task task) const {
    const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void* at =
        ::mmap(nullptr, len, protection, MAP_SHARED, fd_.get(), static_cast<::off_t>(offset));
    if (at == MAP_FAILED) return fail_errno(errno, task);
    return Mapping{at, len};
}

}  // namespace statchan::detail
