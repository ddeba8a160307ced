// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace test {

/// What a program did.
struct Outcome {
    int status = -1;  ///< exit status; 128 + n after signal n
    std::string out;  ///< standard output
    std::string err;  ///< standard error
};

/// Runs a program with an empty standard input.
[[nodiscard]] Outcome run(const std::vector<std::string>& words);
/// Runs statctl, as just built.
[[nodiscard]] Outcome statctl(const std::vector<std::string>& words);
/// Runs a line of shell in which $STATCTL is statctl.
[[nodiscard]] Outcome shell(const std::string& line);

/// The program can be found.
[[nodiscard]] bool has_program(const std::string& name);

/// A file that is removed in the end.
class TemporaryFile {
  public:
    TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile();
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] std::string read() const;

  private:
    std::string path_;
    int fd_;
};

}  // namespace test
