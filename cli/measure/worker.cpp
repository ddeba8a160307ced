// SPDX-License-Identifier: MIT
#include "measure/worker.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void work_and_leave(int to, const std::function<statchan::results::Point()>& work) {
    // The parent decides what Ctrl-C means; without it nobody wants the result.
    ::signal(SIGINT, SIG_IGN);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto text = work().SerializeAsString();
    for (std::size_t at = 0; at < text.size();) {
        const auto n = ::write(to, text.data() + at, text.size() - at);
        if (n < 0 && errno != EINTR) ::_exit(1);
        if (n > 0) at += static_cast<std::size_t>(n);
    }
    ::_exit(0);
}

// Until the writer has closed it or the time is up; whether it was closed.
bool read_all(int from, std::string& text, Clock::time_point deadline) {
    std::array<char, 16384> room{};
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd p{.fd = from, .events = POLLIN, .revents = 0};
        if (left <= 0) return false;
        if (::poll(&p, 1, static_cast<int>(left)) <= 0) continue;
        const auto n = ::read(from, room.data(), room.size());
        if (n == 0) return true;
        if (n > 0) text.append(room.data(), static_cast<std::size_t>(n));
    }
}

}  // namespace

statchan::results::Point in_fresh_process(const statchan::results::Point& label,
                                          std::chrono::seconds limit,
                                          const std::function<statchan::results::Point()>& work) {
    auto failed = label;
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) {
        failed.set_fault("no pipe");
        return failed;
    }
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        work_and_leave(ends[1], work);
    }
    ::close(ends[1]);
    std::string text;
    const bool in_time = child > 0 && read_all(ends[0], text, Clock::now() + limit);
    ::close(ends[0]);
    int status = 0;
    if (child > 0 && !in_time) ::kill(child, SIGKILL);
    if (child > 0) ::waitpid(child, &status, 0);
    statchan::results::Point point;
    if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0 && point.ParseFromString(text))
        return point;
    failed.set_fault(in_time ? fmt::format("its process died: status {}", status)
                             : fmt::format("its process took longer than {} s", limit.count()));
    return failed;
}

void run_on_last_cpu() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return;
    int last = -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set)) last = cpu;
    if (last < 0) return;
    CPU_ZERO(&set);
    CPU_SET(last, &set);
    ::sched_setaffinity(0, sizeof set, &set);
}

}  // namespace statctl::measure
