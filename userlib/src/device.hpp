// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <statchan/types.hpp>
#include <string>

#include "fail.hpp"
#include "fd.hpp"

namespace statchan::detail {

/// An open character device of the module, of the ABI this library speaks.
class Device {
  public:
    /// @p path empty: /dev/statchan.
    [[nodiscard]] static Result<Device> open(const std::string& path);

    /// One more descriptor of the same device: a channel needs its own. It is opened by its path,
    /// so in the network namespace and with the rights of the calling thread.
    [[nodiscard]] Result<Device> again() const { return open(path_); }

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] const Version& version() const noexcept { return version_; }

    /// Runs an ioctl; sets arg.size. Fails with the kernel's own sentence.
    template <class Arg>
    [[nodiscard]] Result<void> call(unsigned long request, Arg& arg, Task task) const {
        if (const int err = try_call(request, arg); err != 0) return failed(err, task);
        return {};
    }

    /// As call(), but returns the errno for callers that can do something about it; 0: done.
    template <class Arg>
    [[nodiscard]] int try_call(unsigned long request, Arg& arg) const noexcept {
        arg.size = sizeof arg;
        return raw_call(request, &arg);
    }

    /// The Error for what try_call() returned.
    [[nodiscard]] Fail failed(int err, Task task) const;

    /// Maps part of the channel of this descriptor, shared.
    [[nodiscard]] Result<Mapping> map(std::uint64_t offset, std::size_t len, bool writable,
                                      Task task) const;

  private:
    Device(Fd fd, std::string path) noexcept : fd_{std::move(fd)}, path_{std::move(path)} {}
    [[nodiscard]] int raw_call(unsigned long request, void* arg) const noexcept;
    [[nodiscard]] Result<void> check_abi();

    Fd fd_;
    std::string path_;
    Version version_;
};

}  // namespace statchan::detail
