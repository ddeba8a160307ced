// SPDX-License-Identifier: MIT
#include "process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace lab {
namespace {

constexpr uid_t nobody = 65534;

int status_of(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::string all_of(int fd) {
    std::string text;
    char part[4096];
    for (off_t at = 0;;) {
        const ssize_t got = ::pread(fd, part, sizeof part, at);
        if (got <= 0) return text;
        text.append(part, static_cast<std::size_t>(got));
        at += got;
    }
}

void send(int fd, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t sent = ::write(fd, text.data() + at, text.size() - at);
        if (sent <= 0) return;
        at += static_cast<std::size_t>(sent);
    }
}

std::string receive(int fd) {
    std::string text;
    char part[4096];
    for (ssize_t got = 0; (got = ::read(fd, part, sizeof part)) > 0;)
        text.append(part, static_cast<std::size_t>(got));
    return text;
}

void become_nobody() {
    if (::setresgid(nobody, nobody, nobody) != 0 || ::setresuid(nobody, nobody, nobody) != 0)
        std::_Exit(99);
}

std::string child(const std::function<std::string()>& work, void (*prepare)()) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return "(no pipe)";
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::close(ends[0]);
        prepare();
        send(ends[1], work());
        // what was expected in the child, by a Reader for one, is expected
        std::fflush(stdout);
        std::_Exit(testing::Test::HasFailure() ? 98 : 0);
    }
    ::close(ends[1]);
    auto text = receive(ends[0]);
    ::close(ends[0]);
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid || status != 0)
        return "(died: status " + std::to_string(status_of(status)) + ")";
    return text;
}

}  // namespace

std::string Outcome::text() const {
    return "exit status " + std::to_string(status) + "\nstdout: " + out + "\nstderr: " + err;
}

Process::Process(const std::string& command)
    : out_{::memfd_create("out", MFD_CLOEXEC)}, err_{::memfd_create("err", MFD_CLOEXEC)} {
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(out_, 1);
    ::dup2(err_, 2);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    std::_Exit(127);
}

Process::~Process() {
    if (pid_ > 0) {
        ::kill(-pid_, SIGKILL);
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    ::close(out_);
    ::close(err_);
}

void Process::signal(int number) const {
    if (pid_ <= 0) return;
    if (::kill(-pid_, number) != 0) ::kill(pid_, number);
}

Outcome Process::wait(Clock::duration within) {
    if (pid_ <= 0) return {.out = out(), .err = err()};
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    pollfd over{.fd = pidfd, .events = POLLIN, .revents = 0};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(within).count();
    if (::poll(&over, 1, static_cast<int>(ms)) == 0) signal(SIGKILL);
    ::close(pidfd);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return {.status = status_of(status), .out = out(), .err = err()};
}

std::string Process::out() const { return all_of(out_); }
std::string Process::err() const { return all_of(err_); }

Outcome run(const std::string& command, Clock::duration within) {
    return Process{command}.wait(within);
}

std::string sh(const std::string& command) {
    auto outcome = run(command);
    if (outcome.ok()) return std::move(outcome.out);
    ADD_FAILURE() << command << "\n" << outcome.text();
    return {};
}

std::string as_nobody(const std::function<std::string()>& work) {
    return child(work, become_nobody);
}

std::string in_child(const std::function<std::string()>& work) {
    return child(work, [] {});
}

std::string slurp(const std::string& path) {
    std::ifstream file{path};
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
}

std::string beside(const std::string& name) {
    return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

}  // namespace lab
