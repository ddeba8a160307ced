// SPDX-License-Identifier: MIT
#include "interfaces.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>
#include <utility>

namespace statctl {

namespace {

// Asks a socket, not sysfs: a socket is always of our own network namespace.
Link link_of(std::string_view name) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return Link::ethernet;
    ifreq request{};
    std::copy_n(name.begin(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1), request.ifr_name);
    const bool known = ::ioctl(fd, SIOCGIFHWADDR, &request) == 0;
    ::close(fd);
    if (!known) return Link::ethernet;
    switch (request.ifr_hwaddr.sa_family) {
        case ARPHRD_ETHER:
        case ARPHRD_LOOPBACK:
            return Link::ethernet;
        case ARPHRD_NONE:
        case ARPHRD_RAWIP:
        case ARPHRD_PPP:
        case ARPHRD_TUNNEL:
        case ARPHRD_TUNNEL6:
        case ARPHRD_SIT:
            return Link::ip;
        default:
            return Link::opaque;
    }
}

}  // namespace

Interfaces::Interfaces(std::string source)
    : source_{std::move(source)}, of_source_{::if_nametoindex(source_.c_str())} {
    if (of_source_ != 0) std::ignore = find(of_source_);
}

const Interface& Interfaces::find(std::uint32_t ifindex) {
    const auto [place, is_new] = known_.try_emplace(ifindex);
    auto& interface = place->second;
    if (!is_new) return interface;
    std::array<char, IF_NAMESIZE> name{};
    if (ifindex == 0) {
        interface.name = source_;
    } else if (::if_indextoname(ifindex, name.data()) != nullptr) {
        interface.name = name.data();
        interface.link = link_of(interface.name);
    } else {
        // Gone already, or moved to another namespace. Nearly all are Ethernet.
        interface = {fmt::format("if{}", ifindex), Link::ethernet};
    }
    return interface;
}

}  // namespace statctl
