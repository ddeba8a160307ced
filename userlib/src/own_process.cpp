// SPDX-License-Identifier: MIT
#include "own_process.hpp"

#include <sys/mman.h>

#include <atomic>
#include <new>

namespace statchan::detail {
namespace {

using Number = std::atomic<std::uint64_t>;

// Memory that is 0 in a forked child, however it was forked.
Number* make_number() noexcept {
    void* const at =
        ::mmap(nullptr, sizeof(Number), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    if (::madvise(at, sizeof(Number), MADV_WIPEONFORK) == 0) return new (at) Number{0};
    ::munmap(at, sizeof(Number));
    return nullptr;
}

}  // namespace

// No system call: not even getpid(), which may be the same in another PID namespace.
std::uint64_t own_process() noexcept {
    static Number* const number = make_number();
    static Number last{0};  // given out, by this process or those that it descends from
    if (number == nullptr) return 0;
    auto value = number->load();
    if (value != 0) return value;
    const auto next = ++last;
    return number->compare_exchange_strong(value, next) ? next : value;
}

}  // namespace statchan::detail
