// SPDX-License-Identifier: MIT
#include "stream_run.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "deadline.hpp"

namespace statchan::detail {

StreamRun::StreamRun(std::unique_ptr<StreamBackend> first) { legs_.push_back(std::move(first)); }

Result<Batch> StreamRun::next(nanoseconds timeout) {
    if (legs_.size() == 1) return legs_.front()->next(timeout);
    const Deadline deadline{timeout};
    for (auto left = timeout;;) {
        auto batch = legs_.front()->next(left);
        if (batch || legs_.size() == 1 || batch.error() != errc::end_of_stream) return batch;
        if (auto retired = retire(); !retired) return pass_on(std::move(retired.error()));
        if (!deadline.endless()) left = deadline.left();
    }
}

// The first leg has been read to its end: its account is kept, the next takes over its numbers.
Result<void> StreamRun::retire() {
    auto its = legs_.front()->ledger();
    if (!its) return pass_on(std::move(its.error()));
    legs_[1]->continue_after(*legs_.front(), *its);
    past_ += *its;
    // Its descriptor may have a copy elsewhere, for which epoll would go on to report its end.
    forget(legs_.front()->fd());
    legs_.pop_front();
    return {};
}

int StreamRun::fd() const noexcept { return epoll_ ? epoll_.get() : legs_.front()->fd(); }

Result<Ledger> StreamRun::ledger() const {
    auto sum = past_;
    for (const auto& leg : legs_) {
        auto its = leg->ledger();
        if (!its) return its;
        sum += *its;
    }
    return sum;
}

Result<void> StreamRun::append(std::unique_ptr<StreamBackend> leg) {
    if (!epoll_) {
        Fd both{::epoll_create1(EPOLL_CLOEXEC)};
        if (!both) return fail_errno(errno, {"watch two transports of", identity().source});
        if (auto watched = watch(both, legs_.front()->fd()); !watched) return watched;
        if (auto watched = watch(both, leg->fd()); !watched) return watched;
        epoll_ = std::move(both);
    } else if (auto watched = watch(epoll_, leg->fd()); !watched) {
        return watched;
    }
    // All that may fail here goes before the kernel hands over: from then on both are needed.
    legs_.push_back(std::move(leg));
    auto started = legs_.back()->start();
    if (!started) {
        forget(legs_.back()->fd());
        legs_.pop_back();
    }
    return started;
}

Result<void> StreamRun::watch(const Fd& epoll, int fd) const {
    epoll_event event{.events = EPOLLIN, .data = {}};
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
    return fail_errno(errno, {"watch two transports of", identity().source});
}

void StreamRun::forget(int fd) noexcept { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

}  // namespace statchan::detail
