// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdlib>
#include <statchan/client.hpp>

#include "support/ok.hpp"
#include "transport.hpp"

namespace {

using namespace statchan;

TEST(Client, UnknownTransportListsThoseThereAre) {
    const auto client = Client::open({.transport = "carrier-pigeon"});
    EXPECT_FAILS(client, errc::unknown_transport);
    EXPECT_EQ(client.error().message(),
              "open transport 'carrier-pigeon': no such transport, asked for by the program; "
              "there are: ioctl, read, procfs, netlink, netlink-nl, relay, mmap, bpf");
}

TEST(Client, EnvironmentNamesTheTransport) {
    ::setenv("STATCHAN_TRANSPORT", "smoke", 1);
    const auto client = Client::open();
    ::unsetenv("STATCHAN_TRANSPORT");
    EXPECT_FAILS(client, errc::unknown_transport);
    EXPECT_EQ(client.error().reason, "no such transport, from $STATCHAN_TRANSPORT");
}

TEST(Client, NoDeviceMeansNoModule) {
    for (const auto* transport : {"ioctl", "read", "procfs", "relay", "mmap", "bpf"}) {
        const auto client = Client::open({.transport = transport, .device = "/dev/no-statchan"});
        EXPECT_FAILS(client, errc::module_not_loaded);
        EXPECT_EQ(client.error().message(),
                  "open '/dev/no-statchan': statchan module is not loaded; run modprobe statchan");
    }
}

TEST(Client, AnotherDeviceIsNoStatchan) {
    EXPECT_FAILS(Client::open({.transport = "ioctl", .device = "/dev/null"}), errc::abi_mismatch);
}

TEST(Transports, AreAListWithCapabilities) {
    const auto list = transports();
    ASSERT_EQ(list.size(), 8U);
    EXPECT_EQ(list[0].name, "ioctl");
    EXPECT_TRUE(list[6].capabilities.has(Capability::live));
    EXPECT_EQ(to_string(list[7].capabilities), "samples, zerocopy");
    EXPECT_EQ(to_string(list[5].capabilities), "samples, overwrite, files");
    EXPECT_EQ(detail::transports_with(Capability::snapshot),
              "ioctl, read, procfs, netlink, netlink-nl, mmap");
    EXPECT_EQ(detail::transports_with(Capability::overwrite), "relay, mmap");
}

}  // namespace
