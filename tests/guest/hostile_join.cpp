// SPDX-License-Identifier: MIT
//
// A multicast group is a way around the device's mode: who may join, and whom it reaches.
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "support/module.hpp"
#include "support/process.hpp"
#include "support/raw_netlink.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

int join_by_bind(std::uint32_t group) {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = group <= 32 ? 1U << (group - 1) : 0;
    const int err =
        ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
    ::close(fd);
    return err;
}

/// "" if each group of samples refuses and events does not; else what is wrong.
std::string samples_are_refused() {
    const RawNetlink socket;
    if (socket.family() == 0) return "no family";
    for (unsigned i = 0; i < STATCHAN_GENL_N_SAMPLES; ++i) {
        const auto name = STATCHAN_GENL_SAMPLES + std::to_string(i);
        const auto group = socket.group(name);
        if (group == 0) return "no group " + name;
        if (const int err = socket.join(group); err != EPERM)
            return name + ": errno " + std::to_string(err);
        if (group <= 32 && join_by_bind(group) != EPERM) return name + " by bind";
    }
    return socket.join(socket.group(STATCHAN_GENL_EVENTS)) == 0 ? "" : "events refused";
}

/// An ordinary user who joins, and listens until he is asked.
class Listener {
  public:
    /// @p joins opens the socket in the process of that user: "" or what went wrong. @p hears:
    /// whether something of ours is in it.
    Listener(const std::function<std::string(std::optional<RawNetlink>&)>& joins,
             const std::function<bool(RawNetlink&)>& hears) {
        EXPECT_EQ(::pipe(ask_), 0);
        EXPECT_EQ(::pipe(ready_), 0);
        thread_ = std::thread{[this, joins, hears] {
            answer_ = as_nobody([&]() -> std::string {
                std::optional<RawNetlink> socket;
                const auto wrong = joins(socket);
                char byte = 0;
                if (::write(ready_[1], &byte, 1) != 1 || ::read(ask_[0], &byte, 1) != 1)
                    return "pipe";
                if (!wrong.empty()) return wrong;
                return hears(*socket) ? "hears" : "silence";
            });
            ::close(ready_[1]);
        }};
        char byte = 0;
        EXPECT_EQ(::read(ready_[0], &byte, 1), 1);
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() {
        if (thread_.joinable()) (void)answer();
        for (const int fd : {ask_[0], ask_[1], ready_[0]}) ::close(fd);
    }

    /// "silence", "hears", or what went wrong; once.
    std::string answer() {
        const char byte = 0;
        EXPECT_EQ(::write(ask_[1], &byte, 1), 1);
        thread_.join();
        return answer_;
    }

  private:
    int ask_[2]{-1, -1};
    int ready_[2]{-1, -1};
    std::string answer_;
    std::thread thread_;
};

}  // namespace

class HostileJoin : public OverTransport {
  protected:
    Synth synth{"size=64"};
};
OVER_TRANSPORTS_WITH(HostileJoin, statchan::Capability::multicast);

TEST_P(HostileJoin, NeedsTheCapability) {
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    EXPECT_EQ(as_nobody(samples_are_refused), "");
    EXPECT_EQ(as_nobody([]() -> std::string {
                  return ::unshare(CLONE_NEWUSER) == 0 ? samples_are_refused() : "no namespace";
              }),
              "")
        << "root of a user namespace, in our network";
}

// A group that is nobody's anybody may join, by its number; he would still be in it when it is
// ours.
TEST(HostileJoinEarly, IsPutOut) {
    const std::vector<std::string> modules{"statchan_synth", "statchan_netdev", "statchan"};
    for (const auto& module : modules) ASSERT_EQ(remove_module(module), 0) << module;
    Listener listener{
        [](std::optional<RawNetlink>& socket) -> std::string {
            socket.emplace();
            unsigned joined = 0;
            for (unsigned group = 1; group <= 1024; ++group) joined += socket->join(group) == 0;
            return joined < STATCHAN_GENL_N_SAMPLES ? "joined " + std::to_string(joined) : "";
        },
        [](RawNetlink& socket) {
            while (socket.receive(65536, MSG_DONTWAIT) >= 0) {
                const auto* head = reinterpret_cast<const nlmsghdr*>(socket.received().data());
                if (head->nlmsg_type != GENL_ID_CTRL) return true;
            }
            return false;
        }};
    for (const auto* module : {"statchan", "statchan_netdev", "statchan_synth"})
        EXPECT_EQ(load_module(module), 0) << module;
    {
        Synth synth{"size=64"};
        auto client = open_client("netlink");
        auto stream = client.subscribe(synth.name(), {.timeout = 1ms});
        EXPECT_OK(stream);
        if (stream) {
            Reader reader{*stream};
            synth.emit(50);
            EXPECT_TRUE(reader.records(50));
        }
    }
    EXPECT_EQ(listener.answer(), "silence");
}

// Root of a namespace of his own joins there, all numbers and all namespaces he asks for; and hears
// nothing of ours.
TEST_P(HostileJoin, OfAnotherNamespaceHearsNothing) {
    auto stream = client.subscribe(synth.name(), {.timeout = 1ms});
    ASSERT_OK(stream);
    Reader reader{*stream};
    Listener listener{
        [](std::optional<RawNetlink>& socket) -> std::string {
            if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return "no namespace";
            socket.emplace();
            const int yes = 1;
            ::setsockopt(socket->fd(), SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &yes, sizeof yes);
            for (unsigned i = 0; i < STATCHAN_GENL_N_SAMPLES; ++i) {
                const auto name = STATCHAN_GENL_SAMPLES + std::to_string(i);
                if (const int err = socket->join(socket->group(name)); err != 0)
                    return "can not join its own: " + std::to_string(err);
            }
            return "";
        },
        [](RawNetlink& socket) { return socket.receive(65536, MSG_DONTWAIT) != -EAGAIN; }};
    synth.emit(50);
    EXPECT_TRUE(reader.records(50)) << "sent, and by now to all it reaches";
    EXPECT_EQ(listener.answer(), "silence");
}
