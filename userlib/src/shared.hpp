// SPDX-License-Identifier: MIT
//
// Loads and stores of memory shared with the kernel. The kernel's half are smp_load_acquire(),
// smp_store_release(), READ_ONCE() and smp_rmb().
#pragma once

#include <cstddef>

namespace statchan::detail {

template <class T>
[[nodiscard]] inline T load_acquire(const std::byte* p) noexcept {
    return __atomic_load_n(reinterpret_cast<const T*>(p), __ATOMIC_ACQUIRE);
}

template <class T>
[[nodiscard]] inline T load_relaxed(const std::byte* p) noexcept {
    return __atomic_load_n(reinterpret_cast<const T*>(p), __ATOMIC_RELAXED);
}

template <class T>
inline void store_release(std::byte* p, T value) noexcept {
    __atomic_store_n(reinterpret_cast<T*>(p), value, __ATOMIC_RELEASE);
}

/// Loads before stay before loads after. Thread sanitizer knows no fences, and has no other
/// thread to look at here: the writer is the kernel.
inline void read_barrier() noexcept {
#if defined(__SANITIZE_THREAD__)
    __asm__ __volatile__("" ::: "memory");
#else
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

}  // namespace statchan::detail
