// SPDX-License-Identifier: MIT
//
// A channel of /dev/statchan without the library: for tests of descriptors themselves.
#pragma once

#include <linux/statchan.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lab {

/// A descriptor that closes itself.
class Descriptor {
  public:
    explicit Descriptor(int fd = -1) : fd_{fd} {}
    Descriptor(Descriptor&& other) noexcept : fd_{other.take()} {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    int take() noexcept;
    void reset() noexcept;

  private:
    int fd_;
};

/// This process' descriptors of a kind: "anon_inode:bpf_link".
std::vector<int> descriptors_of(const std::string& kind);

/// What a channel is asked for with, all else 0: the kernel's defaults.
statchan_channel_req channel_request(std::uint32_t source, std::uint32_t transport,
                                     std::uint32_t kind = STATCHAN_CHANNEL_SAMPLES);

/// Opens /dev/statchan and, on it, a channel of samples with small buffers; the test fails if it
/// can not be.
struct RawChannel {
    RawChannel(std::uint32_t source, std::uint32_t transport);

    Descriptor device;
    statchan_channel_req answer{};
};

/// Records that STATCHAN_IOC_READ takes at once; -1 if it is refused.
std::int64_t read_records(int device);

/// Sends a descriptor over a unix socket; whether it went.
bool send_descriptor(int socket, int fd);
/// Takes one from there; -1 if none comes.
Descriptor receive_descriptor(int socket);

}  // namespace lab
