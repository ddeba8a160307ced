// SPDX-License-Identifier: MIT
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <span>
#include <vector>

#include "check.hpp"
#include "out.hpp"

namespace fuzz {

/// A file in memory, used again for each execution.
class MemoryFile {
  public:
    [[nodiscard]] int fd() const noexcept { return fd_; }

    void clear() const {
        must(::ftruncate(fd_, 0) == 0 && ::lseek(fd_, 0, SEEK_SET) == 0, "the file can be emptied");
    }
    [[nodiscard]] std::vector<std::byte> bytes() const {
        const auto size = ::lseek(fd_, 0, SEEK_END);
        std::vector<std::byte> all(static_cast<std::size_t>(size));
        must(::pread(fd_, all.data(), all.size(), 0) == size, "the file can be read");
        return all;
    }

  private:
    int fd_ = ::memfd_create("fuzz", MFD_CLOEXEC);
};

/// What @p print(statctl::Out&) writes.
template <class Print>
[[nodiscard]] std::vector<std::byte> written_by(Print&& print) {
    static const MemoryFile file;
    file.clear();
    statctl::Out out{file.fd()};
    print(out);
    must(out.flush(), "it can be written");
    return file.bytes();
}

}  // namespace fuzz
