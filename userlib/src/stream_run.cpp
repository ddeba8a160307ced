// SPDX-License-Identifier: MIT
#include "stream_run.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace statchan::detail {

using Clock = std::chrono::steady_clock;

StreamRun::StreamRun(std::unique_ptr<StreamBackend> first) { legs_.push_back(std::move(first)); }

Result<Batch> StreamRun::next(nanoseconds timeout) {
    if (legs_.size() == 1) return legs_.front()->next(timeout);
    const bool endless = timeout.count() < 0;
    const auto deadline = endless ? Clock::time_point{} : Clock::now() + timeout;
    for (auto left = timeout;;) {
        auto batch = legs_.front()->next(left);
        if (batch || legs_.size() == 1 || batch.error() != errc::end_of_stream) return batch;
        if (auto retired = retire(); !retired) return pass_on(std::move(retired.error()));
        if (!endless) left = std::max(deadline - Clock::now(), nanoseconds{0});
    }
}

// The first leg has been read to its end: its account is kept, the next takes over its numbers.
Result<void> StreamRun::retire() {
    auto its = legs_.front()->ledger();
    if (!its) return pass_on(std::move(its.error()));
    legs_[1]->continue_after(*legs_.front(), *its);
    past_ += *its;
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
        epoll_ = Fd{::epoll_create1(EPOLL_CLOEXEC)};
        if (!epoll_) return fail_errno(errno, {"watch two transports of", identity().source});
        if (auto watched = watch(legs_.front()->fd()); !watched) return watched;
    }
    if (auto watched = watch(leg->fd()); !watched) return watched;
    // All that may fail here goes before the kernel hands over: from then on both are needed.
    legs_.push_back(std::move(leg));
    auto started = legs_.back()->start();
    if (!started) {
        forget(legs_.back()->fd());
        legs_.pop_back();
    }
    return started;
}

Result<void> StreamRun::watch(int fd) {
    epoll_event event{.events = EPOLLIN, .data = {}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
    return fail_errno(errno, {"watch two transports of", identity().source});
}

void StreamRun::forget(int fd) noexcept { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

}  // namespace statchan::detail
