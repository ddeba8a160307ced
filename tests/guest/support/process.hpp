// SPDX-License-Identifier: MIT
//
// Other programs, run to their end or beside the test; and the test itself with fewer rights.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "wait.hpp"

namespace lab {

/// What a program left behind.
struct Outcome {
    int status = -1;  ///< exit status, 128 + n if signal n ended it
    std::string out;
    std::string err;

    [[nodiscard]] bool ok() const noexcept { return status == 0; }
    /// For a failure message.
    [[nodiscard]] std::string text() const;
};

/// A shell command in the background; killed, if it still runs, when the object goes.
class Process {
  public:
    explicit Process(const std::string& command);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();

    void signal(int number) const;
    /// Waits for its end; kills it when the time is up.
    Outcome wait(Clock::duration within = patience);
    /// What it has written so far.
    [[nodiscard]] std::string out() const;
    [[nodiscard]] std::string err() const;
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  private:
    pid_t pid_ = -1;
    int out_ = -1;  // memory files
    int err_ = -1;
};

/// Runs a shell command to its end.
Outcome run(const std::string& command, Clock::duration within = patience);

/// Runs a shell command that has to succeed and returns its standard output; otherwise fails the
/// test and returns "".
std::string sh(const std::string& command);

/// Runs @p work in a child process as user and group nobody, without any capability, and returns
/// what it returned. "(died: status N)" if the child did not come to its end.
std::string as_nobody(const std::function<std::string()>& work);

/// Runs @p work in a child process and returns what it returned.
std::string in_child(const std::function<std::string()>& work);

/// Content of a file; empty if it can not be read.
std::string slurp(const std::string& path);

/// Folder of this test program, where its helpers are.
std::string beside(const std::string& name);

}  // namespace lab
