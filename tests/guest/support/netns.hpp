// SPDX-License-Identifier: MIT
//
// Network namespaces of the guest, and traffic between two of them:
//
//	left                              right
//	[ 10.7.0.1  veth0 ]------------[ veth0  10.7.0.2 ]
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lab {

/// A namespace with its loopback up and IPv6 off, so that no packet comes unasked.
class Namespace {
  public:
    explicit Namespace(std::string name);
    Namespace(const Namespace&) = delete;
    Namespace& operator=(const Namespace&) = delete;
    ~Namespace();

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Deletes it now.
    void remove();

  private:
    std::string name_;
    bool removed_ = false;
};

/// The calling thread, and what it opens and starts, is in the namespace as long as this lives.
class Inside {
  public:
    explicit Inside(const Namespace& space);
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside();

  private:
    int back_ = -1;
};

/// Two namespaces joined by a veth pair; both ends are called veth0.
struct Veth {
    explicit Veth(const std::string& prefix = "");

    Namespace left;
    Namespace right;

    static constexpr const char* left_address = "10.7.0.1";
    static constexpr const char* right_address = "10.7.0.2";
};

// Traffic that fails the test if it does not arrive whole.

/// @p count datagrams of @p bytes to the right, each answered by one as long.
void exchange(const Veth& veth, unsigned count, std::size_t bytes,
              const char* from = Veth::left_address, const char* to = Veth::right_address);
/// To the right by TCP: much of it in non-linear packets of up to 64 KiB, which the stack leaves to
/// be cut.
void send_tcp(const Veth& veth, std::size_t bytes);
/// To the right by UDP, @p count datagrams of @p bytes; @p segment cuts one write into packets so
/// large.
void send_udp(const Veth& veth, unsigned count, std::size_t bytes, std::uint16_t segment = 0);

/// A packet of a capture file.
struct Captured {
    std::vector<std::uint8_t> bytes;
    std::uint32_t orig_len = 0;
};

/// The whole packets of a pcap file, also one that is still being written.
std::vector<Captured> read_pcap(const std::string& path);

}  // namespace lab
