// SPDX-License-Identifier: MIT
#include "out.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "signals.hpp"

namespace statctl {

// Without waiting for a reader once the user waits for us: a reader that is slow gets all, one that
// takes nothing for so long does not.
bool Out::flush() {
    constexpr std::chrono::seconds patience{1};
    using clock = std::chrono::steady_clock;
    const char* data = buffer_.data();
    std::size_t left = buffer_.size();
    for (std::optional<clock::time_point> taken; left != 0 && error_ == 0;) {
        const bool stopping = stop_requested();
        // a pipe that can be written takes so much without waiting
        const auto n = ::write(fd_, data, stopping ? std::min<std::size_t>(left, PIPE_BUF) : left);
        const int failed = n < 0 ? errno : 0;
        if (failed != 0 && failed != EAGAIN && failed != EINTR) error_ = failed;
        if (n > 0) {
            data += n;
            left -= static_cast<std::size_t>(n);
        }
        if (n > 0 || !taken) taken = clock::now();
        while (left != 0 && error_ == 0 && (failed == EAGAIN || stop_requested()) && !writable()) {
            if (stop_requested() && clock::now() - *taken > patience) error_ = EINTR;
        }
    }
    buffer_.clear();
    return error_ == 0;
}

bool Out::writable() const {
    pollfd watched{.fd = fd_, .events = POLLOUT, .revents = 0};
    return ::poll(&watched, 1, static_cast<int>(tick.count())) == 1;
}

bool Out::reader_gone() {
    pollfd watched{.fd = fd_, .events = 0, .revents = 0};
    if (error_ == 0 && ::poll(&watched, 1, 0) == 1 && (watched.revents & POLLERR) != 0) {
        error_ = EPIPE;
    }
    return error_ != 0;
}

bool Out::is_terminal() const { return ::isatty(fd_) == 1; }

bool Out::colour() const {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    return is_terminal() && (no_colour == nullptr || *no_colour == '\0') && term != nullptr &&
           std::string_view{term} != "dumb";
}

TerminalSize terminal_size(int fd) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
    return {size.ws_row, size.ws_col};
}

}  // namespace statctl
