// SPDX-License-Identifier: MIT
#include "signals.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <thread>

namespace statctl {

namespace {

volatile std::sig_atomic_t stop = 0;
volatile std::sig_atomic_t first_second = 0;

std::sig_atomic_t now_in_seconds() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::sig_atomic_t>(now.tv_sec);
}

// timeout(1) and shells signal the process and its group: a second signal at once means nothing,
// one that comes later is from someone who has waited long enough.
extern "C" void on_stop_signal(int number) {
    if (stop == 0) first_second = now_in_seconds();
    stop = 1;
    if (now_in_seconds() - first_second > 1) {
        std::signal(number, SIG_DFL);
        std::raise(number);
    }
}

}  // namespace

void catch_stop_signals() {
    struct sigaction action {};
    action.sa_handler = on_stop_signal;  // no SA_RESTART: waits shall end
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

bool stop_requested() noexcept { return stop != 0; }

bool sleep_until(std::chrono::steady_clock::time_point deadline, Out& out) {
    using clock = std::chrono::steady_clock;
    for (;;) {
        if (stop_requested() || out.reader_gone()) return false;
        const auto now = clock::now();
        if (now >= deadline) return true;
        std::this_thread::sleep_until(std::min<clock::time_point>(deadline, now + tick));
    }
}

}  // namespace statctl
