// SPDX-License-Identifier: MIT
#include "run.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace test {

TemporaryFile::TemporaryFile() : path_{"/tmp/statctl-test.XXXXXX"}, fd_{::mkstemp(path_.data())} {}

TemporaryFile::~TemporaryFile() {
    ::close(fd_);
    ::unlink(path_.c_str());
}

std::string TemporaryFile::read() const {
    std::ifstream file{path_, std::ios::binary};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

Outcome run(const std::vector<std::string>& words) {
    const TemporaryFile out;
    const TemporaryFile err;
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files, out.fd(), 1);
    ::posix_spawn_file_actions_adddup2(&files, err.fd(), 2);
    pid_t pid = 0;
    const int failed =
        ::posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    if (failed != 0) return {.status = 127, .out = {}, .err = "can not run " + words[0]};
    int status = 0;
    ::waitpid(pid, &status, 0);
    return {.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
            .out = out.read(),
            .err = err.read()};
}

Outcome statctl(const std::vector<std::string>& words) {
    std::vector<std::string> line{STATCTL};
    line.insert(line.end(), words.begin(), words.end());
    return run(line);
}

Outcome shell(const std::string& line) {
    ::setenv("STATCTL", STATCTL, 1);
    return run({"sh", "-c", line});
}

bool has_program(const std::string& name) { return shell("command -v " + name).status == 0; }

}  // namespace test
