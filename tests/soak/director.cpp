// SPDX-License-Identifier: MIT
#include "director.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "worker.hpp"

namespace soak {
namespace {

statchan::Client open_client() {
    auto client = statchan::Client::open({.transport = "ioctl"});
    if (!client) throw Fault{client.error().message()};
    return std::move(*client);
}

template <class T>
void must(const statchan::Result<T>& result) {
    if (!result) throw Fault{result.error().message()};
}

}  // namespace

Director::Director(Board& board, std::uint64_t seed, std::size_t workers)
    : board_{board}, seed_{seed}, chance_{seed}, workers_{workers}, client_{open_client()} {}

// ---- sources ----

// From nothing to as fast as the machine can, from all contexts.
std::string Director::any_load() {
    auto load = "run=" + std::string{chance_.one_in(8) ? "0" : "1"};
    load += " cpus=" + std::to_string(chance_.between(0, 2));
    load += " size=" + std::to_string(chance_.of<int>({0, 1, 60, 128, 1500, 9000}));
    load += " context=" + chance_.of<std::string>({"process", "softirq", "hardirq"});
    if (chance_.one_in(4)) return load + " mode=back-to-back";
    return load + " mode=paced pps=" + std::to_string(chance_.of<int>({0, 10, 1000, 10000, 50000}));
}

void Director::add_source(std::uint64_t number) {
    const auto shape = "ports=" + std::to_string(chance_.of<int>({1, 16, 64})) +
                       " fields=" + std::to_string(chance_.of<int>({8, 32, 40})) +
                       " queues=" + std::to_string(chance_.of<int>({0, 2})) + " ";
    must(client_.add_source(source_name(number), "synth", shape + any_load()));
    there_[number] = true;
}

void Director::change_load() {
    const auto number = chance_.between(0, n_sources - 1);
    if (!there_[number]) return;
    const auto name = source_name(number);
    // At times a burst, which is over when the call returns.
    must(chance_.one_in(5)
             ? client_.set_source(name, "emit=" + std::to_string(chance_.between(1, 2000)))
             : client_.set_source(name, any_load()));
    ++tally_[Op::load];
}

void Director::remove_a_source() {
    const auto number = chance_.between(0, n_sources - 1);
    if (!there_[number]) return;
    must(client_.remove_source(source_name(number)));
    there_[number] = false;
    ++tally_[Op::removal];
}

void Director::restore_sources(bool all) {
    for (std::uint64_t number = 0; number < n_sources; ++number)
        if (!there_[number] && (all || chance_.one_in(4))) add_source(number);
}

// ---- workers ----

void Director::start(std::size_t number) {
    const auto seed = seed_ * 1'000'003 + ++started_;
    const auto parent = ::getpid();
    const auto pid = ::fork();
    if (pid < 0) throw Fault{"no process for a worker"};
    if (pid == 0) {
        ::signal(SIGINT, SIG_IGN);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(0);
        ::_exit(work(board_, number, seed));
    }
    pids_[number] = pid;
    killed_[number] = false;
}

void Director::kill_one() {
    const auto number = chance_.between(0, workers_ - 1);
    if (killed_[number]) return;
    killed_[number] = ::kill(pids_[number], SIGKILL) == 0;
    ++tally_[Op::kill];
}

// A worker that was killed is replaced; any other that ended has something to say.
void Director::reap() {
    for (std::size_t number = 0; number < workers_; ++number) {
        int status = 0;
        if (pids_[number] == 0 || ::waitpid(pids_[number], &status, WNOHANG) == 0) continue;
        pids_[number] = 0;
        const bool by_us = killed_[number] && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        if (!by_us && status != 0) {
            fault_ = true;
            if (WIFSIGNALED(status))
                std::fprintf(stderr, "\nsoak: worker %zu died of signal %d\n", number,
                             WTERMSIG(status));
        }
        if (!board_.stop && !fault_) start(number);
    }
}

void Director::end_all() {
    board_.stop = true;
    const auto deadline = Clock::now() + 90s;
    const auto running = [&] {
        for (const auto pid : pids_)
            if (pid != 0) return true;
        return false;
    };
    while (running()) {
        reap();
        if (Clock::now() < deadline) {
            std::this_thread::sleep_for(10ms);
            continue;
        }
        std::fprintf(stderr, "\nsoak: workers do not end\n");
        fault_ = true;
        for (const auto pid : pids_)
            if (pid != 0) ::kill(pid, SIGKILL);
        std::this_thread::sleep_for(1s);
    }
    for (std::uint64_t number = 0; number < n_sources; ++number)
        if (there_[number]) must(client_.remove_source(source_name(number)));
    there_ = {};
}

bool Director::run(Clock::duration time, const std::function<bool()>& enough) {
    const auto until = Clock::now() + time;
    board_.stop = false;
    restore_sources(true);
    for (std::size_t number = 0; number < workers_; ++number) start(number);
    while (!fault_ && Clock::now() < until && !enough()) {
        std::this_thread::sleep_for(50ms);
        reap();
        if (chance_.one_in(4)) change_load();
        if (chance_.one_in(20)) kill_one();
        if (chance_.one_in(30)) remove_a_source();
        restore_sources(false);
    }
    end_all();
    return !fault_;
}

}  // namespace soak
