// SPDX-License-Identifier: MIT
//
// Packet contents are private: samples and changes need CAP_NET_ADMIN over the network namespace,
// on every transport. Refusals say what is missing and what to do.
#include <linux/genetlink.h>
#include <linux/statchan.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "support/device_mode.hpp"
#include "support/process.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

// What a child found: "ok", or the error's kind and message.
template <class T>
std::string verdict(const statchan::Result<T>& result) {
    if (result) return "ok";
    const bool denied = result.error() == statchan::errc::permission_denied;
    return (denied ? "denied: " : "other: ") + result.error().message();
}

}  // namespace

class Permission : public OverTransport {
  protected:
    Synth synth{"size=8"};

    // Opens a client as nobody and runs the question with it.
    [[nodiscard]] std::string nobody_asks(
        const std::function<std::string(statchan::Client&)>& question) const {
        return as_nobody([&] {
            auto mine = statchan::Client::open({.transport = transport()});
            return mine ? question(*mine) : "can not open: " + verdict(mine);
        });
    }
    static void expect_denied(const std::string& answer) {
        EXPECT_EQ(answer.rfind("denied: ", 0), 0U) << answer;
        EXPECT_NE(answer.find("CAP_NET_ADMIN"), std::string::npos) << answer;
    }

    // Opened to all, so that what remains is what the module itself refuses.
    struct DeviceForAll : DeviceMode {
        DeviceForAll() : DeviceMode{0666} {}
    };
};
OVER_ALL_TRANSPORTS(Permission);

class PermissionOfStreams : public Permission {};
OVER_TRANSPORTS_WITH(PermissionOfStreams, statchan::Capability::samples);

class PermissionOfSnapshots : public Permission {};
OVER_TRANSPORTS_WITH(PermissionOfSnapshots, statchan::Capability::snapshot);

TEST_P(Permission, DeviceIsForTheAdministrator) {
    const auto answer = nobody_asks([](statchan::Client&) { return "opened"; });
    if (is_netlink()) {
        EXPECT_EQ(answer, "opened") << "netlink asks no device";
    } else {
        EXPECT_EQ(answer.rfind("can not open: denied: ", 0), 0U) << answer;
        EXPECT_NE(answer.find("/dev/statchan"), std::string::npos) << answer;
    }
}

TEST_P(PermissionOfStreams, SamplesNeedTheCapability) {
    const DeviceForAll open;
    expect_denied(
        nobody_asks([&](statchan::Client& mine) { return verdict(mine.subscribe(synth.name())); }));
}

TEST_P(Permission, ChangesNeedTheCapability) {
    const DeviceForAll open;
    expect_denied(nobody_asks(
        [](statchan::Client& mine) { return verdict(mine.add_source("evil", "synth")); }));
    expect_denied(nobody_asks(
        [&](statchan::Client& mine) { return verdict(mine.remove_source(synth.name())); }));
    expect_denied(nobody_asks(
        [&](statchan::Client& mine) { return verdict(mine.set_source(synth.name(), "rate=2")); }));
}

TEST_P(Permission, CountersAreForAllWhoMayOpen) {
    const DeviceForAll open;
    EXPECT_EQ(nobody_asks([](statchan::Client& mine) { return verdict(mine.sources()); }), "ok");
}

TEST_P(PermissionOfSnapshots, SnapshotsAreForAllWhoMayOpen) {
    const DeviceForAll open;
    EXPECT_EQ(
        nobody_asks([&](statchan::Client& mine) { return verdict(mine.snapshot(synth.name())); }),
        "ok");
}

// A program that gives its rights up keeps what it has opened; that is how daemons do it.
TEST_P(PermissionOfStreams, StreamOutlivesTheRights) {
    EXPECT_EQ(in_child([&]() -> std::string {
                  auto mine = open_client(transport());
                  auto stream = mine.subscribe(
                      synth.name(), {.watermark_records = 5, .timeout = statchan::never});
                  if (!stream) return stream.error().message();
                  synth.emit(5);
                  if (::setresuid(65534, 65534, 65534) != 0) return "setresuid";
                  const auto batch = stream->next(patience);
                  return batch ? std::to_string(batch->sample_count()) : batch.error().message();
              }),
              "5");
}

// The rights that count are those over the network namespace: root in a user namespace of his own
// is root over his own network only.
TEST_P(PermissionOfStreams, OwnNamespaceGivesNoRightsOverOthers) {
    const DeviceForAll open;
    const auto answer = as_nobody([&]() -> std::string {
        if (::unshare(CLONE_NEWUSER) != 0) return "skip";
        auto outer = statchan::Client::open({.transport = transport()});
        if (!outer) return outer.error().message();
        return verdict(outer->subscribe(synth.name()));
    });
    ASSERT_NE(answer, "skip") << "this kernel lets nobody make a user namespace";
    expect_denied(answer);
}

TEST_P(PermissionOfStreams, OwnNamespaceGivesRightsOverItself) {
    const DeviceForAll open;
    const auto answer = as_nobody([&]() -> std::string {
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return "skip";
        auto mine = statchan::Client::open({.transport = transport()});
        if (!mine) return mine.error().message();
        if (mine->source(synth.name())) return "sees the source of another namespace";
        if (const auto added = mine->add_source("own", "synth", "run=0"); !added)
            return "add: " + added.error().message();
        const auto stream = mine->subscribe("own");
        const auto got = verdict(stream);
        return mine->remove_source("own") ? got : "not removed";
    });
    // Whoever may not write into debugfs can not open relay's files there, and BPF programs can
    // only be loaded with rights over the whole machine.
    if (transport() == "relay" || transport() == "bpf") {
        EXPECT_EQ(answer.rfind("denied: ", 0), 0U) << answer;
    } else {
        EXPECT_EQ(answer, "ok");
    }
}

// What serves a source is charged to nobody: everybody is root of a user namespace.
class PermissionOfKinds : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(, PermissionOfKinds, testing::Values("synth", "netdev"), parameter_name);

TEST_P(PermissionOfKinds, AreNotForUserNamespacesUnlessAllowed) {
    const auto parameter = "/sys/module/statchan_" + GetParam() + "/parameters/user_namespaces";
    const auto allow = [&](const char* text) { std::ofstream{parameter} << text << std::flush; };
    const auto add = [&] {
        return as_nobody([&]() -> std::string {
            if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return "no namespace";
            auto mine = statchan::Client::open({.transport = "netlink"});
            if (!mine) return mine.error().message();
            return verdict(mine->add_source("lo", GetParam(), ""));
        });
    };
    allow("N");
    const auto refused = add();
    allow("Y");
    EXPECT_TRUE(refused.starts_with("denied: ")) << refused;
    EXPECT_NE(refused.find(parameter), std::string::npos) << refused;
    EXPECT_EQ(add(), "ok");
}
