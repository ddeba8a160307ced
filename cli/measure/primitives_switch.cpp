// SPDX-License-Identifier: MIT
//
// From one thread to another: a message goes to and fro, and half of that time is one way.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

#include "measure/experiment.hpp"

namespace statctl::measure {

namespace {

std::vector<int> allowed_cpus() {
    cpu_set_t set;
    std::vector<int> cpus;
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    return cpus;
}

// The calling thread stays on one CPU.
class Pinned {
  public:
    explicit Pinned(int cpu) {
        ::pthread_getaffinity_np(::pthread_self(), sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        good_ = ::pthread_setaffinity_np(::pthread_self(), sizeof one, &one) == 0;
    }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    ~Pinned() { ::pthread_setaffinity_np(::pthread_self(), sizeof before_, &before_); }
    [[nodiscard]] bool good() const noexcept { return good_; }

  private:
    cpu_set_t before_{};
    bool good_ = false;
};

// One direction. Eight bytes, because that is what an eventfd takes.
class Way {
  public:
    Way(bool by_eventfd, bool poll_first) : poll_first_{poll_first} {
        if (by_eventfd) {
            ends_[0] = ends_[1] = ::eventfd(0, EFD_CLOEXEC);
        } else if (::pipe2(ends_.data(), O_CLOEXEC) != 0) {
            ends_ = {-1, -1};
        }
    }
    Way(const Way&) = delete;
    Way& operator=(const Way&) = delete;
    ~Way() {
        if (ends_[0] >= 0) ::close(ends_[0]);
        if (ends_[1] >= 0 && ends_[1] != ends_[0]) ::close(ends_[1]);
    }
    [[nodiscard]] bool good() const noexcept { return ends_[0] >= 0; }
    bool send(std::uint64_t message) const {
        return ::write(ends_[1], &message, sizeof message) == sizeof message;
    }
    // 0: failed
    [[nodiscard]] std::uint64_t receive() const {
        std::uint64_t message = 0;
        if (poll_first_) {
            pollfd wait{.fd = ends_[0], .events = POLLIN, .revents = 0};
            if (::poll(&wait, 1, -1) != 1) return 0;
        }
        return ::read(ends_[0], &message, sizeof message) == sizeof message ? message : 0;
    }

  private:
    std::array<int, 2> ends_{-1, -1};
    bool poll_first_;
};

class PingPong {
  public:
    PingPong(bool by_eventfd, bool poll_first, int here, int there)
        : to_{by_eventfd, poll_first}, fro_{by_eventfd, poll_first}, here_{here} {
        if (to_.good() && fro_.good()) partner_ = std::thread{[this, there] { answer(there); }};
    }
    PingPong(const PingPong&) = delete;
    PingPong& operator=(const PingPong&) = delete;
    ~PingPong() {
        if (!partner_.joinable()) return;
        to_.send(stop);
        partner_.join();
    }
    [[nodiscard]] bool good() const noexcept { return partner_.joinable(); }
    [[nodiscard]] Cost one_way(std::uint64_t times) const {
        const Pinned pinned{here_};
        if (!pinned.good())
            return tl::unexpected<std::string>("a thread can not be bound to a CPU");
        const Stopwatch watch;
        for (std::uint64_t i = 0; i < times; ++i) {
            if (!to_.send(ping) || fro_.receive() != ping)
                return tl::unexpected<std::string>("the other thread does not answer");
        }
        return watch.ns() / static_cast<double>(times) / 2;
    }

  private:
    static constexpr std::uint64_t ping = 1;
    static constexpr std::uint64_t stop = 2;
    static constexpr std::uint64_t refused = 3;

    void answer(int cpu) const {
        const Pinned pinned{cpu};
        while (to_.receive() == ping) fro_.send(pinned.good() ? ping : refused);
    }

    Way to_;
    Way fro_;
    int here_;
    std::thread partner_;
};

Prepared between(bool by_eventfd, bool poll_first, int here, int there) {
    const auto pair = std::make_shared<PingPong>(by_eventfd, poll_first, here, there);
    if (!pair->good()) return failed("no descriptors for two threads");
    return [pair](std::uint64_t times) { return pair->one_way(times); };
}

Prepared wakeup(bool poll_first) {
    const auto cpus = allowed_cpus();
    if (cpus.size() < 2) return tl::unexpected<std::string>("needs two CPUs, there is one");
    return between(true, poll_first, cpus[0], cpus[1]);
}

}  // namespace

Prepared prepare_context_switch(std::uint64_t /*bytes*/) {
    const auto cpus = allowed_cpus();
    if (cpus.empty()) return failed("sched_getaffinity");
    return between(false, false, cpus.front(), cpus.front());
}

Prepared prepare_wakeup_eventfd(std::uint64_t /*bytes*/) { return wakeup(false); }
Prepared prepare_wakeup_poll(std::uint64_t /*bytes*/) { return wakeup(true); }

}  // namespace statctl::measure
