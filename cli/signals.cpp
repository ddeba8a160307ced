// SPDX-License-Identifier: MIT
#include "signals.hpp"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
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

termios as_it_was;
volatile std::sig_atomic_t keys_are_ours = 0;

void restore_terminal() { ::tcsetattr(STDIN_FILENO, TCSANOW, &as_it_was); }

// timeout(1) and shells signal the process and its group: a second signal at once means nothing,
// one that comes later is from someone who has waited long enough.
// Nothing else is run then, so the terminal is put right here.
extern "C" void on_stop_signal(int number) {
    if (stop == 0) first_second = now_in_seconds();
    stop = 1;
    if (now_in_seconds() - first_second > 1) {
        if (keys_are_ours != 0) restore_terminal();
        std::signal(number, SIG_DFL);
        std::raise(number);
    }
}

volatile std::sig_atomic_t switches = 0;

extern "C" void on_switch_signal(int /*number*/) { switches = switches + 1; }

// In the background the terminal is somebody else's.
bool terminal_is_ours() { return ::tcgetpgrp(STDIN_FILENO) == ::getpgrp(); }

bool key_pressed(char wanted) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    bool found = false;
    for (char key = 0; ::poll(&input, 1, 0) == 1 && ::read(STDIN_FILENO, &key, 1) == 1;)
        found = found || key == wanted;
    return found;
}

}  // namespace

void catch_switch_requests(bool keys_are_free) {
    struct sigaction action {};
    action.sa_handler = on_switch_signal;
    ::sigaction(SIGUSR1, &action, nullptr);
    if (!keys_are_free || ::tcgetattr(STDIN_FILENO, &as_it_was) != 0 || !terminal_is_ours()) return;
    auto keys = as_it_was;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    if (::tcsetattr(STDIN_FILENO, TCSANOW, &keys) != 0) return;
    keys_are_ours = 1;
    std::atexit(restore_terminal);
}

bool switch_requested() noexcept {
    const bool signalled = switches != 0;
    switches = 0;
    return (keys_are_ours != 0 && terminal_is_ours() && key_pressed('t')) || signalled;
}

void catch_stop_signals() {
    struct sigaction action {};
    action.sa_handler = on_stop_signal;  // no SA_RESTART: waits shall end
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    // the terminal is gone; under nohup that is no reason
    struct sigaction inherited {};
    if (::sigaction(SIGHUP, nullptr, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
        ::sigaction(SIGHUP, &action, nullptr);
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
