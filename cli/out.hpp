// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <span>
#include <string_view>

namespace statctl {

/// A buffered file descriptor for text or bytes that remembers its first failure, so that code
/// which prints need not check each line. Does not own the descriptor.
class Out {
  public:
    explicit Out(int fd) noexcept : fd_{fd} {}
    Out(const Out&) = delete;
    Out& operator=(const Out&) = delete;

    void write(std::string_view text) {
        buffer_.append(text);
        if (buffer_.size() >= flush_bytes) flush();
    }
    void write(std::span<const std::byte> bytes) {
        write(std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    template <class... T>
    void print(fmt::format_string<T...> format, T&&... values) {
        fmt::format_to(std::back_inserter(buffer_), format, std::forward<T>(values)...);
        if (buffer_.size() >= flush_bytes) flush();
    }

    /// Hands on what is buffered. False if that, or anything before, failed.
    bool flush();
    /// errno of the first failure, 0 if there was none.
    [[nodiscard]] int error() const noexcept { return error_; }
    /// The reader of a pipe has left. Asks without writing, so idle streams notice, too.
    [[nodiscard]] bool reader_gone();

    [[nodiscard]] bool is_terminal() const;
    /// A terminal that may be coloured: respects NO_COLOR and TERM=dumb.
    [[nodiscard]] bool colour() const;

  private:
    static constexpr std::size_t flush_bytes = 1U << 16;

    /// Waits a moment for it.
    [[nodiscard]] bool writable() const;

    int fd_;
    int error_ = 0;
    fmt::memory_buffer buffer_;
};

/// Rows and columns of the terminal on a descriptor; zeroes if it is none.
struct TerminalSize {
    unsigned rows = 0;
    unsigned columns = 0;
};
[[nodiscard]] TerminalSize terminal_size(int fd);

}  // namespace statctl
