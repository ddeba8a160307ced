// SPDX-License-Identifier: MIT
//
// A kernel with the module, every answer of which may be a lie. It has one source, "sw0", on two
// CPUs, and an answer for each question; the input then changes bytes of the answer, or gives
// another one, or an errno. What it writes stays where a kernel may write: in the memory that was
// handed to the call.
//
// The system calls of the library and of the netlink libraries end here (system_calls.cpp) as
// long as a HostileKernel lives, if they are about a descriptor of its own.
#pragma once

#include <linux/netlink.h>
#include <linux/statchan.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "input.hpp"

namespace fuzz {

// What there is, asked by whichever front end.
inline constexpr std::uint32_t source_id = 3;
inline constexpr std::uint32_t channel_id = 4;
inline constexpr std::uint32_t some_counters = 14;

class HostileKernel {
  public:
    explicit HostileKernel(Input& input);
    ~HostileKernel();
    HostileKernel(const HostileKernel&) = delete;
    HostileKernel& operator=(const HostileKernel&) = delete;

    /// The one that lives, or nullptr.
    [[nodiscard]] static HostileKernel* here() noexcept;
    /// Whether a descriptor is one of a hostile kernel's.
    [[nodiscard]] static bool owns(int fd) noexcept { return fd >= first_fd; }
    /// Elsewhere: GCC takes what ppoll() is given for memory that it only writes.
    [[nodiscard]] static bool owns(const pollfd& one) noexcept;

    // As the system calls: -1 and errno, or what they return.
    [[nodiscard]] int open(std::string_view path);
    [[nodiscard]] int socket();
    int close(int fd) noexcept;
    int ioctl(int fd, unsigned long request, void* argument);
    ssize_t read(int fd, std::span<std::byte> to);
    ssize_t pread(int fd, std::span<std::byte> to, std::uint64_t offset);
    [[nodiscard]] void* map(std::uint64_t offset, std::size_t size);
    /// Whether it was one of ours.
    bool unmap(void* at) noexcept;
    int poll(pollfd& one);
    ssize_t send(std::span<const std::byte> message);
    ssize_t receive(msghdr& to);
    int socket_option(std::span<std::byte> value);

  private:
    enum class Kind : std::uint8_t { device, folder, relay, text, socket, closed };
    using Bytes = std::vector<std::byte>;

    [[nodiscard]] int new_fd(Kind kind);
    [[nodiscard]] Kind kind_of(int fd) const noexcept;
    /// Whether this call fails instead, with errno set.
    [[nodiscard]] bool fails();
    /// Changes bytes of an answer.
    void patch(std::span<std::byte> answer);
    void answer(unsigned long request, void* argument);
    void answer_bytes(std::uint64_t to, std::uint64_t room, std::span<const std::byte> from);
    void open_channel(statchan_channel_req& req);
    void fill_ring(std::span<std::byte> memory, bool producer);
    void fill_live(std::span<std::byte> memory);
    [[nodiscard]] Bytes image();
    [[nodiscard]] Bytes text() const;
    [[nodiscard]] ssize_t some_of_input(std::span<std::byte> to);

    void reply(std::uint16_t type, std::uint32_t seq, std::uint8_t cmd);
    void reply_family(std::uint32_t seq);
    void reply_verdict(std::uint16_t type, std::uint32_t seq);
    void reply_pieces(std::uint32_t seq, std::uint8_t cmd, std::span<const std::byte> whole);
    void reply_samples();
    void reply_event();
    void reply_raw(std::uint8_t how);

    static constexpr int first_fd = 1 << 20;
    Input& input_;
    std::vector<Kind> fds_;
    std::size_t text_read_ = 0;
    struct Free {
        void operator()(std::byte* p) const noexcept;
    };
    std::map<void*, std::unique_ptr<std::byte, Free>> mappings_;
    std::deque<Bytes> datagrams_;
    std::uint32_t seq_ = 0;  // of the last request
    std::uint64_t position_ = 0;
};

}  // namespace fuzz
