// SPDX-License-Identifier: MIT
#include "signals.hpp"

#include <algorithm>
#include <csignal>
#include <thread>

namespace statctl {

namespace {

volatile std::sig_atomic_t stop = 0;

extern "C" void on_stop_signal(int) { stop = 1; }

}  // namespace

void catch_stop_signals() {
    struct sigaction action {};
    action.sa_handler = on_stop_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // no SA_RESTART: waits shall end
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
