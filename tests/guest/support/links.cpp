// SPDX-License-Identifier: MIT
#include "links.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <functional>
#include <memory>

#include "netns.hpp"

namespace lab {
namespace {

/// A request about a link, and its acknowledgment.
class LinkRequest {
  public:
    LinkRequest(std::uint16_t type, std::uint16_t flags)
        : head_{mnl_nlmsg_put_header(buffer_.data())} {
        head_->nlmsg_type = type;
        head_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
        mnl_nlmsg_put_extra_header(head_, sizeof(ifinfomsg));
    }

    LinkRequest& text(std::uint16_t type, const std::string& value) {
        mnl_attr_put_strz(head_, type, value.c_str());
        return *this;
    }
    LinkRequest& u16(std::uint16_t type, std::uint16_t value) {
        mnl_attr_put_u16(head_, type, value);
        return *this;
    }
    LinkRequest& u32(std::uint16_t type, std::uint32_t value) {
        mnl_attr_put_u32(head_, type, value);
        return *this;
    }
    LinkRequest& nest(std::uint16_t type, const std::function<void(LinkRequest&)>& fill) {
        auto* start = mnl_attr_nest_start(head_, type);
        fill(*this);
        mnl_attr_nest_end(head_, start);
        return *this;
    }
    /// A peer's description begins with a header of its own.
    LinkRequest& header() {
        mnl_nlmsg_put_extra_header(head_, sizeof(ifinfomsg));
        return *this;
    }

    void send(const std::string& what) {
        const std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket{
            mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC), mnl_socket_close};
        ASSERT_TRUE(socket);
        mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID);
        ASSERT_GT(mnl_socket_sendto(socket.get(), head_, head_->nlmsg_len), 0);
        const auto got = mnl_socket_recvfrom(socket.get(), buffer_.data(), buffer_.size());
        ASSERT_GT(got, 0);
        EXPECT_GE(mnl_cb_run(buffer_.data(), static_cast<std::size_t>(got), 0,
                             mnl_socket_get_portid(socket.get()), nullptr, nullptr),
                  0)
            << what << ": " << std::strerror(errno);
    }

  private:
    alignas(nlmsghdr) std::array<char, 4096> buffer_{};
    nlmsghdr* head_;
};

/// A namespace as a number for rtnetlink.
struct Handle {
    explicit Handle(const Namespace& space)
        : fd{::open(("/run/netns/" + space.name()).c_str(), O_RDONLY | O_CLOEXEC)} {}
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { ::close(fd); }
    [[nodiscard]] std::uint32_t number() const { return static_cast<std::uint32_t>(fd); }
    int fd;
};

constexpr std::uint16_t create = NLM_F_CREATE | NLM_F_EXCL;

void interface_ioctl(const std::string& name, unsigned long request,
                     const std::function<void(ifreq&)>& use, bool first = true) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq about{};
    name.copy(about.ifr_name, IFNAMSIZ - 1);
    if (first) use(about);
    EXPECT_EQ(::ioctl(fd, request, &about), 0) << name << ": " << std::strerror(errno);
    if (!first) use(about);
    ::close(fd);
}

void put_address(const std::string& name, unsigned long request, const char* text) {
    interface_ioctl(name, request, [&](ifreq& about) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        ::inet_pton(AF_INET, text, &address.sin_addr);
        std::memcpy(&about.ifr_addr, &address, sizeof address);
    });
}

}  // namespace

void add_dummy(const std::string& name, std::uint32_t tx_queues) {
    LinkRequest{RTM_NEWLINK, create}
        .text(IFLA_IFNAME, name)
        .u32(IFLA_NUM_TX_QUEUES, tx_queues)
        .nest(IFLA_LINKINFO, [](LinkRequest& info) { info.text(IFLA_INFO_KIND, "dummy"); })
        .send("add dummy " + name);
}

void add_veth(const std::string& name, const Namespace& left, const Namespace& right) {
    const Handle here{left};
    const Handle there{right};
    LinkRequest{RTM_NEWLINK, create}
        .text(IFLA_IFNAME, name)
        .u32(IFLA_NET_NS_FD, here.number())
        .nest(IFLA_LINKINFO,
              [&](LinkRequest& info) {
                  info.text(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, [&](LinkRequest& data) {
                      data.nest(VETH_INFO_PEER, [&](LinkRequest& peer) {
                          peer.header().text(IFLA_IFNAME, name).u32(IFLA_NET_NS_FD, there.number());
                      });
                  });
              })
        .send("add veth " + name);
}

void add_vlan(const std::string& name, const std::string& on, std::uint16_t id) {
    LinkRequest{RTM_NEWLINK, create}
        .text(IFLA_IFNAME, name)
        .u32(IFLA_LINK, ::if_nametoindex(on.c_str()))
        .nest(IFLA_LINKINFO,
              [&](LinkRequest& info) {
                  info.text(IFLA_INFO_KIND, "vlan").nest(IFLA_INFO_DATA, [&](LinkRequest& data) {
                      data.u16(IFLA_VLAN_ID, id);
                  });
              })
        .send("add vlan " + name);
}

void remove_link(const std::string& name) {
    LinkRequest{RTM_DELLINK, 0}.text(IFLA_IFNAME, name).send("remove " + name);
}

void rename_link(const std::string& name, const std::string& to) {
    interface_ioctl(name, SIOCSIFNAME,
                    [&](ifreq& about) { to.copy(about.ifr_newname, IFNAMSIZ - 1); });
}

void move_link(const std::string& name, const Namespace& to) {
    const Handle there{to};
    LinkRequest{RTM_NEWLINK, 0}
        .text(IFLA_IFNAME, name)
        .u32(IFLA_NET_NS_FD, there.number())
        .send("move " + name);
}

void set_up(const std::string& name) {
    interface_ioctl(name, SIOCSIFFLAGS, [](ifreq& about) { about.ifr_flags = IFF_UP; });
}

void set_down(const std::string& name) {
    interface_ioctl(name, SIOCSIFFLAGS, [](ifreq& about) { about.ifr_flags = 0; });
}

void set_address(const std::string& name, const char* address) {
    put_address(name, SIOCSIFADDR, address);
    put_address(name, SIOCSIFNETMASK, "255.255.255.0");
}

std::string hardware_address(const std::string& name) {
    std::string address;
    interface_ioctl(
        name, SIOCGIFHWADDR, [&](ifreq& about) { address.assign(about.ifr_hwaddr.sa_data, 6); },
        false);
    return address;
}

}  // namespace lab
