// SPDX-License-Identifier: MIT
#include "netns.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include "links.hpp"
#include "process.hpp"
#include "wait.hpp"

namespace lab {
namespace {

constexpr std::uint16_t port = 5007;

void load_drivers() {
    static const bool loaded = run("modprobe -a veth 8021q dummy").ok();
    EXPECT_TRUE(loaded);
}

/// A socket that closes itself.
struct Socket {
    explicit Socket(int type) : fd{::socket(AF_INET, type | SOCK_CLOEXEC, 0)} {}
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { ::close(fd); }
    int fd;
};

sockaddr_in address(const char* text) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    ::inet_pton(AF_INET, text, &a.sin_addr);
    return a;
}

std::string handle_of(const std::string& name) { return "/run/netns/" + name; }

const sockaddr* plain(const sockaddr_in& a) { return reinterpret_cast<const sockaddr*>(&a); }

void listen_on(const Socket& s, const char* text) {
    const auto at = address(text);
    const int yes = 1;
    ::setsockopt(s.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const int room = 8 << 20;
    ::setsockopt(s.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    const timeval limit{.tv_sec = patience / 1s, .tv_usec = 0};
    ::setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(::bind(s.fd, plain(at), sizeof at), 0) << std::strerror(errno);
}

}  // namespace

// Starting a program costs the guest more than all of this: "ip netns add", by hand.
Namespace::Namespace(std::string name) : name_{std::move(name)} {
    load_drivers();
    ::mkdir("/run/netns", 0755);
    const auto handle = handle_of(name_);
    ::close(::open(handle.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0));
    std::thread{[&] {
        EXPECT_EQ(::unshare(CLONE_NEWNET), 0) << std::strerror(errno);
        EXPECT_EQ(::mount("/proc/thread-self/ns/net", handle.c_str(), "none", MS_BIND, nullptr), 0)
            << std::strerror(errno);
        for (const auto* which : {"all", "default"})
            std::ofstream{std::string{"/proc/sys/net/ipv6/conf/"} + which + "/disable_ipv6"} << 1;
        set_up("lo");
    }}.join();
}

Namespace::~Namespace() { remove(); }

void Namespace::remove() {
    if (std::exchange(removed_, true)) return;
    const auto handle = handle_of(name_);
    EXPECT_EQ(::umount2(handle.c_str(), MNT_DETACH), 0) << std::strerror(errno);
    ::unlink(handle.c_str());
}

Inside::Inside(const Namespace& space)
    : back_{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)} {
    const int to = ::open(handle_of(space.name()).c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(::setns(to, CLONE_NEWNET), 0) << std::strerror(errno);
    ::close(to);
}

Inside::~Inside() {
    EXPECT_EQ(::setns(back_, CLONE_NEWNET), 0) << std::strerror(errno);
    ::close(back_);
}

Veth::Veth(const std::string& prefix) : left{prefix + "left"}, right{prefix + "right"} {
    add_veth("veth0", left, right);
    for (const auto& [side, at] :
         {std::pair{&left, left_address}, std::pair{&right, right_address}}) {
        const Inside there{*side};
        set_address("veth0", at);
        set_up("veth0");
    }
}

void exchange(const Veth& veth, unsigned count, std::size_t bytes, const char* from,
              const char* to) {
    std::optional<Socket> near;
    std::optional<Socket> far;
    {
        const Inside here{veth.left};
        near.emplace(SOCK_DGRAM);
        listen_on(*near, from);
    }
    {
        const Inside there{veth.right};
        far.emplace(SOCK_DGRAM);
        listen_on(*far, to);
    }
    const std::vector<char> data(bytes, 'e');
    std::vector<char> part(1U << 16);
    const auto pass = [&](const Socket& out, const char* address_of, const Socket& in) {
        const auto a = address(address_of);
        EXPECT_EQ(::sendto(out.fd, data.data(), bytes, 0, plain(a), sizeof a),
                  static_cast<ssize_t>(bytes))
            << std::strerror(errno);
        EXPECT_EQ(::recv(in.fd, part.data(), part.size(), 0), static_cast<ssize_t>(bytes))
            << std::strerror(errno);
    };
    for (unsigned i = 0; i < count; ++i) {
        pass(*near, to, *far);
        pass(*far, from, *near);
    }
}

void send_tcp(const Veth& veth, std::size_t bytes) {
    std::size_t arrived = 0;
    std::optional<Socket> server;
    std::optional<Socket> client;
    {
        const Inside there{veth.right};
        server.emplace(SOCK_STREAM);
        listen_on(*server, Veth::right_address);
        ::listen(server->fd, 1);
    }
    std::thread receiver{[&] {
        const int from = ::accept4(server->fd, nullptr, nullptr, SOCK_CLOEXEC);
        std::vector<char> part(1U << 20);
        for (ssize_t got = 0; (got = ::recv(from, part.data(), part.size(), 0)) > 0;)
            arrived += static_cast<std::size_t>(got);
        ::close(from);
    }};
    {
        const Inside here{veth.left};
        client.emplace(SOCK_STREAM);
    }
    const auto to = address(Veth::right_address);
    EXPECT_EQ(::connect(client->fd, plain(to), sizeof to), 0) << std::strerror(errno);
    std::vector<char> data(bytes);
    for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<char>(i * 7 + i / 251);
    for (std::size_t at = 0; at < bytes;) {
        const auto sent = ::send(client->fd, data.data() + at, bytes - at, MSG_NOSIGNAL);
        if (sent <= 0) break;
        at += static_cast<std::size_t>(sent);
    }
    ::shutdown(client->fd, SHUT_WR);
    receiver.join();
    EXPECT_EQ(arrived, bytes);
}

void send_udp(const Veth& veth, unsigned count, std::size_t bytes, std::uint16_t segment) {
    std::optional<Socket> server;
    std::optional<Socket> client;
    {
        const Inside there{veth.right};
        server.emplace(SOCK_DGRAM);
        listen_on(*server, Veth::right_address);
    }
    {
        const Inside here{veth.left};
        client.emplace(SOCK_DGRAM);
    }
    if (segment != 0) {
        const int size = segment;
        EXPECT_EQ(::setsockopt(client->fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size), 0);
    }
    const auto to = address(Veth::right_address);
    const std::vector<char> data(bytes, 'u');
    for (unsigned i = 0; i < count; ++i) {
        EXPECT_EQ(::sendto(client->fd, data.data(), bytes, 0, plain(to), sizeof to),
                  static_cast<ssize_t>(bytes))
            << std::strerror(errno);
    }
    std::size_t arrived = 0;
    std::vector<char> part(1U << 16);
    while (arrived < count * bytes) {
        const auto got = ::recv(server->fd, part.data(), part.size(), 0);
        if (got < 0) break;
        arrived += static_cast<std::size_t>(got);
    }
    EXPECT_EQ(arrived, count * bytes);
}

std::vector<Captured> read_pcap(const std::string& path) {
    constexpr std::size_t file_head = 24;
    constexpr std::size_t packet_head = 16;
    const auto file = slurp(path);
    std::vector<Captured> packets;
    const auto number = [&](std::size_t at) {
        std::uint32_t value = 0;
        std::memcpy(&value, file.data() + at, sizeof value);
        return value;
    };
    if (file.size() < file_head) return packets;
    EXPECT_TRUE(number(0) == 0xa1b2c3d4U || number(0) == 0xa1b23c4dU) << "no pcap file";
    for (std::size_t at = file_head; at + packet_head <= file.size();) {
        const auto len = number(at + 8);
        const auto orig_len = number(at + 12);
        at += packet_head;
        if (at + len > file.size()) break;
        const auto* begin = reinterpret_cast<const std::uint8_t*>(file.data()) + at;
        packets.push_back({.bytes{begin, begin + len}, .orig_len = orig_len});
        at += len;
    }
    return packets;
}

}  // namespace lab
