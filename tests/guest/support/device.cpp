// SPDX-License-Identifier: MIT
#include "device.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace lab {
namespace {

/// Room for one byte and the one descriptor that goes with it.
struct Letter {
    Letter() {
        part = {.iov_base = &byte, .iov_len = 1};
        head.msg_iov = &part;
        head.msg_iovlen = 1;
        head.msg_control = control;
        head.msg_controllen = sizeof control;
    }
    char byte = 0;
    iovec part{};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    msghdr head{};
};

}  // namespace

std::vector<int> descriptors_of(const std::string& kind) {
    std::vector<int> found;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"})
        if (std::filesystem::read_symlink(entry.path(), gone) == kind)
            found.push_back(std::stoi(entry.path().filename()));
    return found;
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    reset();
    fd_ = other.take();
    return *this;
}

int Descriptor::take() noexcept { return std::exchange(fd_, -1); }

void Descriptor::reset() noexcept {
    if (fd_ >= 0) ::close(take());
}

statchan_channel_req channel_request(std::uint32_t source, std::uint32_t transport,
                                     std::uint32_t kind) {
    statchan_channel_req request{};
    request.size = sizeof request;
    request.source = source;
    request.transport = transport;
    request.kind = kind;
    return request;
}

RawChannel::RawChannel(std::uint32_t source, std::uint32_t transport)
    : device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)},
      answer{channel_request(source, transport)} {
    answer.want.buffer_size = 65536;
    answer.want.watermark_records = 1;
    EXPECT_EQ(::ioctl(device.get(), STATCHAN_IOC_CHANNEL_OPEN, &answer), 0) << std::strerror(errno);
}

std::int64_t read_records(int device) {
    std::vector<char> room(1U << 20);
    statchan_read request{};
    request.size = sizeof request;
    request.buf = reinterpret_cast<std::uintptr_t>(room.data());
    request.len = room.size();
    if (::ioctl(device, STATCHAN_IOC_READ, &request) != 0) return -1;
    return static_cast<std::int64_t>(request.records);
}

bool send_descriptor(int socket, int fd) {
    Letter letter;
    auto* item = CMSG_FIRSTHDR(&letter.head);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(item), &fd, sizeof fd);
    return ::sendmsg(socket, &letter.head, 0) == 1;
}

Descriptor receive_descriptor(int socket) {
    Letter letter;
    if (::recvmsg(socket, &letter.head, MSG_CMSG_CLOEXEC) != 1) return Descriptor{};
    const auto* item = CMSG_FIRSTHDR(&letter.head);
    if (item == nullptr || item->cmsg_type != SCM_RIGHTS) return Descriptor{};
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(item), sizeof fd);
    return Descriptor{fd};
}

}  // namespace lab
