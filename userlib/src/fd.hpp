// SPDX-License-Identifier: MIT
#pragma once

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "own_process.hpp"

namespace statchan::detail {

/// Owns a file descriptor.
class Fd {
  public:
    Fd() noexcept = default;
    explicit Fd(int fd) noexcept : fd_{fd} {}
    Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

/// Owns a mapping, in the process that made it: in a forked child something else may be there.
class Mapping {
  public:
    Mapping() noexcept = default;
    Mapping(void* at, std::size_t len) noexcept
        : at_{static_cast<std::byte*>(at)}, len_{len}, process_{own_process()} {}
    Mapping(Mapping&& other) noexcept
        : at_{std::exchange(other.at_, nullptr)},
          len_{std::exchange(other.len_, 0)},
          process_{other.process_} {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(at_, other.at_);
        std::swap(len_, other.len_);
        std::swap(process_, other.process_);
        return *this;
    }
    ~Mapping() {
        if (at_ == nullptr || process_ != own_process()) return;
        // To forget a mapping the kernel may need memory, too; a mapping holds its channel.
        for (int tries = 100; tries > 0; --tries) {
            if (::munmap(at_, len_) == 0 || errno != ENOMEM) break;
            ::sched_yield();
        }
    }

    [[nodiscard]] std::byte* data() const noexcept { return at_; }
    [[nodiscard]] std::size_t size() const noexcept { return len_; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {at_, len_}; }

  private:
    std::byte* at_ = nullptr;
    std::size_t len_ = 0;
    std::uint64_t process_ = 0;
};

}  // namespace statchan::detail
