// SPDX-License-Identifier: MIT
#include "events.hpp"

#include <poll.h>

#include <cerrno>
#include <chrono>
#include <deque>
#include <utility>

#include "../deadline.hpp"
#include "link.hpp"

namespace statchan::detail {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Task task{"receive events"};

class NetlinkEvents final : public EventBackend, private Receiver {
  public:
    explicit NetlinkEvents(Link link) noexcept : link_{std::move(link)} {}

    [[nodiscard]] int fd() const noexcept override { return link_.socket().fd(); }
    [[nodiscard]] Result<std::optional<Event>> next(nanoseconds timeout) override;

  private:
    bool on_message(const Message& message) override;
    void on_verdict(const Verdict&) override {}
    [[nodiscard]] Result<void> drain();

    Link link_;
    std::deque<Event> waiting_;
};

bool NetlinkEvents::on_message(const Message& message) {
    if (message.cmd != STATCHAN_CMD_EVENT) return false;
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

// One datagram, so that what waits here stays little.
Result<void> NetlinkEvents::drain() {
    const auto received = link_.socket().receive(*this);
    link_.socket().release();
    if (!received) return pass_on(received.error());
    if (*received == Received::overrun || *received == Received::truncated) {
        waiting_.push_back({.type = EventType::overrun,
                            .time = Clock::now(),
                            .text = "events were lost: the socket was full"});
    }
    return {};
}

Result<std::optional<Event>> NetlinkEvents::next(nanoseconds timeout) {
    const Deadline deadline{timeout};
    for (;;) {
        if (waiting_.empty())
            if (auto drained = drain(); !drained) return pass_on(std::move(drained.error()));
        if (!waiting_.empty()) {
            auto event = std::move(waiting_.front());
            waiting_.pop_front();
            return event;
        }
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

}  // namespace

Result<std::unique_ptr<EventBackend>> open_netlink_events(SocketFactory factory) {
    auto link = Link::open(factory);
    if (!link) return pass_on(std::move(link.error()));
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
