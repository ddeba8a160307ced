// SPDX-License-Identifier: MIT
//
// System calls of the program and of the libraries that it links, by the names of the C library:
// to the hostile kernel if they are about something of its own, else to the kernel.
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <string_view>

#include "hostile_kernel.hpp"

namespace {

using fuzz::HostileKernel;

HostileKernel* kernel_of(int fd) {
    return HostileKernel::owns(fd) ? HostileKernel::here() : nullptr;
}

std::span<std::byte> bytes(void* at, std::size_t size) {
    return {static_cast<std::byte*>(at), size};
}

bool is_statchans(std::string_view path) {
    return path.starts_with("/dev/statchan") || path.starts_with("/proc/thread-self/net") ||
           path.starts_with("/sys/kernel/debug");
}

template <class... T>
auto real(long number, T... arguments) {
    return ::syscall(number, arguments...);
}

int open_at(int folder, const char* path, int flags, mode_t mode) {
    auto* const kernel = HostileKernel::here();
    if (kernel != nullptr && (HostileKernel::owns(folder) || is_statchans(path)))
        return kernel->open(path);
    return static_cast<int>(real(SYS_openat, folder, path, flags, mode));
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const auto mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : mode_t{0};
    va_end(more);
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const auto mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : mode_t{0};
    va_end(more);
    return open_at(folder, path, flags, mode);
}

int close(int fd) {
    if (auto* const kernel = kernel_of(fd)) return kernel->close(fd);
    return static_cast<int>(real(SYS_close, fd));
}

int ioctl(int fd, unsigned long request, ...) noexcept {
    va_list more;
    va_start(more, request);
    void* const argument = va_arg(more, void*);
    va_end(more);
    if (auto* const kernel = kernel_of(fd)) return kernel->ioctl(fd, request, argument);
    return static_cast<int>(real(SYS_ioctl, fd, request, argument));
}

int fcntl(int fd, int command, ...) {
    va_list more;
    va_start(more, command);
    void* const argument = va_arg(more, void*);
    va_end(more);
    if (kernel_of(fd) != nullptr) return 0;
    return static_cast<int>(real(SYS_fcntl, fd, command, argument));
}

ssize_t read(int fd, void* to, std::size_t size) {
    if (auto* const kernel = kernel_of(fd)) return kernel->read(fd, bytes(to, size));
    return real(SYS_read, fd, to, size);
}

ssize_t pread(int fd, void* to, std::size_t size, off_t offset) {
    if (auto* const kernel = kernel_of(fd))
        return kernel->pread(fd, bytes(to, size), static_cast<std::uint64_t>(offset));
    return real(SYS_pread64, fd, to, size, offset);
}

ssize_t write(int fd, const void* from, std::size_t size) {
    if (kernel_of(fd) != nullptr) return static_cast<ssize_t>(size);
    return real(SYS_write, fd, from, size);
}

void* mmap(void* at, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
    if (auto* const kernel = kernel_of(fd)) {
        void* const mapped = kernel->map(static_cast<std::uint64_t>(offset), size);
        return mapped != nullptr ? mapped : MAP_FAILED;
    }
    return reinterpret_cast<void*>(real(SYS_mmap, at, size, protection, flags, fd, offset));
}

int munmap(void* at, std::size_t size) noexcept {
    auto* const kernel = HostileKernel::here();
    if (kernel != nullptr && kernel->unmap(at)) return 0;
    return static_cast<int>(real(SYS_munmap, at, size));
}

int ppoll(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
    auto* const kernel = HostileKernel::here();
    if (kernel != nullptr && count == 1 && HostileKernel::owns(*fds)) return kernel->poll(*fds);
    return static_cast<int>(real(SYS_ppoll, fds, count, timeout, mask, sizeof(long)));
}

int socket(int domain, int type, int protocol) noexcept {
    auto* const kernel = HostileKernel::here();
    if (domain == AF_NETLINK && kernel != nullptr) return kernel->socket();
    return static_cast<int>(real(SYS_socket, domain, type, protocol));
}

int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
    if (kernel_of(fd) != nullptr) return 0;
    return static_cast<int>(real(SYS_bind, fd, address, size));
}

int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
    if (kernel_of(fd) == nullptr) return static_cast<int>(real(SYS_getsockname, fd, address, size));
    sockaddr_nl own{};
    own.nl_family = AF_NETLINK;
    own.nl_pid = 1;
    std::memcpy(address, &own, sizeof own);
    *size = sizeof own;
    return 0;
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* size) noexcept {
    if (auto* const kernel = kernel_of(fd)) return kernel->socket_option(bytes(value, *size));
    return static_cast<int>(real(SYS_getsockopt, fd, level, option, value, size));
}

int setsockopt(int fd, int level, int option, const void* value, socklen_t size) noexcept {
    if (auto* const kernel = kernel_of(fd)) return kernel->socket_option({});
    return static_cast<int>(real(SYS_setsockopt, fd, level, option, value, size));
}

ssize_t sendto(int fd, const void* from, std::size_t size, int flags, const sockaddr* to,
               socklen_t to_size) {
    if (auto* const kernel = kernel_of(fd))
        return kernel->send({static_cast<const std::byte*>(from), size});
    return real(SYS_sendto, fd, from, size, flags, to, to_size);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    if (auto* const kernel = kernel_of(fd))
        return kernel->send(
            {static_cast<const std::byte*>(message->msg_iov->iov_base), message->msg_iov->iov_len});
    return real(SYS_sendmsg, fd, message, flags);
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
    if (auto* const kernel = kernel_of(fd)) return kernel->receive(*message);
    return real(SYS_recvmsg, fd, message, flags);
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
    if (kernel_of(fd) != nullptr) return 0;
    return static_cast<int>(real(SYS_epoll_ctl, epoll, operation, fd, event));
}

int fsopen(const char*, unsigned) noexcept {
    errno = EPERM;
    return -1;
}
}
