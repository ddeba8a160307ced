// SPDX-License-Identifier: MIT
//
// Capabilities are data: what a transport can not do it refuses, and names those that can.
#include <algorithm>
#include <cstdlib>

#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::Capability;

// The suite takes its transports from the library's table. Here is what must be in it.
TEST(TransportTable, IsAsPromised) {
    using Names = std::vector<std::string>;
    EXPECT_EQ(all_transports(),
              (Names{"ioctl", "read", "procfs", "netlink", "netlink-nl", "relay", "mmap", "bpf"}));
    EXPECT_EQ(transports_with(Capability::snapshot),
              (Names{"ioctl", "read", "procfs", "netlink", "netlink-nl", "mmap"}));
    EXPECT_EQ(transports_with(Capability::samples),
              (Names{"ioctl", "read", "netlink", "netlink-nl", "relay", "mmap", "bpf"}));
    EXPECT_EQ(transports_with(Capability::live), (std::vector<std::string>{"mmap"}));
    EXPECT_EQ(transports_with(Capability::multicast),
              (std::vector<std::string>{"netlink", "netlink-nl"}));
    EXPECT_EQ(transports_with(Capability::files), (std::vector<std::string>{"relay"}));
    EXPECT_EQ(transports_with(Capability::zerocopy), (Names{"mmap", "bpf"}));
    EXPECT_EQ(transports_with(Capability::overwrite), (Names{"relay", "mmap"}));
    EXPECT_EQ(transports_with(Capability::events), (Names{"netlink", "netlink-nl"}));
}

TEST(TransportTable, UnknownNameIsNamedAndTheKnownAreListed) {
    const auto client = statchan::Client::open({.transport = "pigeon"});
    ASSERT_FALSE(client.has_value());
    EXPECT_TRUE(client.error() == statchan::errc::unknown_transport);
    const auto text = client.error().message();
    EXPECT_NE(text.find("pigeon"), std::string::npos) << text;
    for (const auto& name : all_transports())
        EXPECT_NE(text.find(name), std::string::npos) << "no '" << name << "' in: " << text;
}

TEST(TransportTable, EnvironmentChooses) {
    ASSERT_EQ(::setenv("STATCHAN_TRANSPORT", "relay", 1), 0);
    const auto chosen = statchan::Client::open();
    ASSERT_EQ(::unsetenv("STATCHAN_TRANSPORT"), 0);
    ASSERT_OK(chosen);
    EXPECT_EQ(chosen->transport(), "relay");
    const auto standard = statchan::Client::open();
    ASSERT_OK(standard);
    EXPECT_EQ(standard->transport(), statchan::default_transport);
}

class Capabilities : public OverTransport {
  protected:
    void expect_refused(const statchan::Error& error, Capability missing) const {
        EXPECT_TRUE(error == statchan::errc::not_supported) << error.message();
        const auto text = error.message();
        EXPECT_NE(text.find(transport()), std::string::npos) << "names not itself: " << text;
        for (const auto& name : transports_with(missing))
            EXPECT_NE(text.find(name), std::string::npos) << "no '" << name << "' in: " << text;
    }
};
OVER_ALL_TRANSPORTS(Capabilities);

TEST_P(Capabilities, SaysWhatItIs) {
    EXPECT_EQ(client.transport(), transport());
    const auto version = client.version();
    ASSERT_OK(version);
    EXPECT_EQ(version->abi, statchan::abi_version());
    EXPECT_GE(version->nr_cpus, 2U);
    const auto kernel = client.kernel_transports();
    ASSERT_OK(kernel);
    std::vector<std::string> names;
    for (const auto& entry : *kernel) {
        names.push_back(entry.name);
        // What the kernel half can do, the library's half of the same name must say, too.
        for (const auto& mine : statchan::transports()) {
            if (mine.name == entry.name) {
                EXPECT_EQ(to_string(mine.capabilities), to_string(entry.capabilities)) << mine.name;
            }
        }
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"bpf", "ioctl", "mmap", "netlink", "procfs", "read",
                                               "relay"}));
}

TEST_P(Capabilities, RefusesSnapshotsItDoesNotHave) {
    Synth synth;
    const auto snapshot = client.snapshot(synth.name());
    if (client.capabilities().has(Capability::snapshot)) {
        EXPECT_OK(snapshot);
    } else {
        ASSERT_FALSE(snapshot.has_value());
        expect_refused(snapshot.error(), Capability::snapshot);
    }
}

TEST_P(Capabilities, RefusesLiveSnapshotsItDoesNotHave) {
    Synth synth;
    const auto live = client.live(synth.name());
    if (client.capabilities().has(Capability::live)) {
        EXPECT_OK(live);
    } else {
        ASSERT_FALSE(live.has_value());
        expect_refused(live.error(), Capability::live);
    }
}

TEST_P(Capabilities, RefusesOverwriteModeItDoesNotHave) {
    Synth synth;
    const auto stream = client.subscribe(synth.name(), {.mode = statchan::Mode::overwrite});
    if (client.capabilities().has(Capability::overwrite)) {
        EXPECT_OK(stream);
    } else if (!client.capabilities().has(Capability::samples)) {
        ASSERT_FALSE(stream.has_value());
        expect_refused(stream.error(), Capability::samples);
    } else {
        ASSERT_FALSE(stream.has_value());
        EXPECT_NE(stream.error().message().find("overwrite"), std::string::npos)
            << stream.error().message();
    }
}
