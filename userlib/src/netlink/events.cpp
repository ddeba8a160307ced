// SPDX-License-Identifier: MIT
#include "events.hpp"

#include <linux/genetlink.h>
#include <poll.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "../deadline.hpp"

namespace statchan::detail {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Task task{"receive events"};

// The group in which the kernel tells of families has had the number of their own for ever.
constexpr std::uint32_t families_group = GENL_ID_CTRL;

// Of the one question that is asked on the socket of events; what comes unasked has 0.
constexpr std::uint32_t ask_seq = 1U << 31U;

}  // namespace

bool NetlinkEvents::on_message(const Message& message) {
    if (message.type == GENL_ID_CTRL &&
        (message.cmd == CTRL_CMD_DELFAMILY || message.cmd == CTRL_CMD_DELMCAST_GRP)) {
        std::uint16_t id = 0;
        const auto bytes = message.attrs.bytes(CTRL_ATTR_FAMILY_ID);
        if (bytes.size() >= sizeof id) std::memcpy(&id, bytes.data(), sizeof id);
        if (id == link_.family().id) gone_ = true;
    }
    if (message.type != link_.family().id || message.cmd != STATCHAN_CMD_EVENT) return false;
    const auto& attrs = message.attrs;
    const auto type = attrs.u32(STATCHAN_A_EVENT);
    if (!type) return false;
    waiting_.push_back({.type = static_cast<EventType>(*type),
                        .time = time_from_ns(attrs.u64(STATCHAN_A_TIME).value_or(0)),
                        .source = attrs.u32(STATCHAN_A_SOURCE).value_or(0),
                        .source_name = std::string{attrs.text(STATCHAN_A_NAME)},
                        .channel = attrs.u32(STATCHAN_A_CHANNEL).value_or(0),
                        .text = std::string{attrs.text(STATCHAN_A_TEXT)}});
    return false;
}

void NetlinkEvents::on_verdict(const Verdict& verdict) {
    // As in Link: no family has this number any more.
    if (verdict.seq == ask_seq && verdict.error == ENOENT && verdict.text.empty()) gone_ = true;
}

// Whether the family is still there. The answer comes like an event; if the socket loses it, that
// is an overrun, and it is asked again.
Result<void> NetlinkEvents::ask() {
    auto request = link_.request(STATCHAN_CMD_VERSION_GET);
    if (auto sent = link_.socket().send(request.finish(ask_seq)); !sent) {
        sent.error().doing = task.text();
        return sent;
    }
    unsure_ = false;
    return {};
}

// Up to the first event, so that what waits here stays little; what is none must not hide it.
Result<void> NetlinkEvents::drain() {
    while (waiting_.empty()) {
        auto received = link_.socket().receive(*this);
        link_.socket().release();
        if (!received) {  // and what it was is lost
            unsure_ = true;
            received.error().doing = task.text();
            return pass_on(std::move(received.error()));
        }
        if (*received == Received::nothing) {
            if (!unsure_ || gone_) return {};
            if (auto asked = ask(); !asked) return asked;
        } else if (*received != Received::some) {
            unsure_ = true;
            waiting_.push_back({.type = EventType::overrun,
                                .time = Clock::now(),
                                .text = "events were lost: the socket was full"});
        }
    }
    return {};
}

Result<std::optional<Event>> NetlinkEvents::next(nanoseconds timeout) {
    const Deadline deadline{timeout};
    for (;;) {
        if (auto drained = drain(); !drained) return pass_on(std::move(drained.error()));
        if (!waiting_.empty()) {
            auto event = std::move(waiting_.front());
            waiting_.pop_front();
            return event;
        }
        if (gone_)
            return fail(errc::module_not_loaded, task,
                        "the statchan module was unloaded, and with it these events",
                        "when it is loaded again, ask for events again");
        const auto left = deadline.left();
        if (left.count() == 0) return std::nullopt;
        timespec ts{};
        ts.tv_sec = left.count() / 1'000'000'000;
        ts.tv_nsec = left.count() % 1'000'000'000;
        pollfd p{.fd = fd(), .events = POLLIN, .revents = 0};
        const int ready = ::ppoll(&p, 1, deadline.endless() ? nullptr : &ts, nullptr);
        if (ready < 0 && errno == EINTR) return std::nullopt;
        if (ready < 0) return fail_errno(errno, task);
    }
}

Result<std::unique_ptr<EventBackend>> open_netlink_events(SocketFactory factory) {
    auto link = Link::open(factory, {}, {});
    if (!link) return pass_on(std::move(link.error()));
    // Before the family is looked up, so that what is found can not go unnoticed.
    if (auto joined = join_group(link->socket().fd(), families_group, {"join the events"}); !joined)
        return pass_on(std::move(joined.error()));
    if (auto found = link->resolve(); !found) return pass_on(std::move(found.error()));
    const auto group = link->family().groups.find(STATCHAN_GENL_EVENTS);
    if (group == link->family().groups.end())
        return fail_data({"join the events"}, "the module has no such multicast group");
    const int fd = link->socket().fd();
    if (auto joined = join_group(fd, group->second, {"join the events"}); !joined)
        return pass_on(std::move(joined.error()));
    if (auto set = set_nonblocking(fd); !set) return pass_on(std::move(set.error()));
    return std::make_unique<NetlinkEvents>(std::move(*link));
}

}  // namespace statchan::detail
