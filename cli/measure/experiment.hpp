// SPDX-License-Identifier: MIT
//
// How a primitive is measured: the table of all is in primitives_user.cpp and
// primitives_kernel.cpp.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace statctl::measure {

/// A number, or the sentence why there is none.
using Cost = tl::expected<double, std::string>;
/// Does it so many times; the cost of one, in the primitive's unit.
using Batch = std::function<Cost(std::uint64_t times)>;
using Prepared = tl::expected<Batch, std::string>;

/// One primitive, measured at each of its sizes.
struct Experiment {
    std::string_view name;
    std::string_view unit;
    std::string_view what;                 ///< a sentence
    std::span<const std::uint64_t> sizes;  ///< bytes; 0: has none
    Prepared (*prepare)(std::uint64_t bytes);
};

[[nodiscard]] std::span<const Experiment> user_experiments();
[[nodiscard]] std::span<const Experiment> kernel_experiments();
/// Needs BPF and the right to use it, but not the module.
[[nodiscard]] std::span<const Experiment> bpf_experiments();

[[nodiscard]] Prepared prepare_context_switch(std::uint64_t bytes);
[[nodiscard]] Prepared prepare_wakeup_eventfd(std::uint64_t bytes);
[[nodiscard]] Prepared prepare_wakeup_poll(std::uint64_t bytes);

inline constexpr std::uint64_t no_size[] = {0};
inline constexpr std::uint64_t copy_sizes[] = {64, 4096, 65536, 1 << 20, 16 << 20};

/// "what: why", of errno.
[[nodiscard]] tl::unexpected<std::string> failed(std::string_view what);

/// A descriptor that is closed.
class Fd {
  public:
    explicit Fd(int fd) noexcept : fd_{fd} {}
    Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    Fd& operator=(Fd&&) = delete;
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

  private:
    int fd_;
};

class Stopwatch {
  public:
    [[nodiscard]] double ns() const {
        return std::chrono::duration<double, std::nano>(Clock::now() - begin_).count();
    }

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point begin_ = Clock::now();
};

/// The compiler must believe that the memory at @p at is used.
inline void use(const void* at) { asm volatile("" : : "g"(at) : "memory"); }

}  // namespace statctl::measure
