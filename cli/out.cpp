// SPDX-License-Identifier: MIT
#include "out.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "signals.hpp"

namespace statctl {

bool Out::flush() {
    const char* data = buffer_.data();
    std::size_t left = buffer_.size();
    while (left != 0 && error_ == 0) {
        const auto n = ::write(fd_, data, left);
        const auto written = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
        const int failed = n < 0 ? errno : 0;
        data += written;
        left -= written;
        if (failed == EAGAIN) {
            pollfd writable{.fd = fd_, .events = POLLOUT, .revents = 0};
            ::poll(&writable, 1, static_cast<int>(tick.count()));
        } else if (failed != 0 && failed != EINTR) {
            error_ = failed;
        }
        // nobody reads, and the user waits for us no longer
        if (error_ == 0 && left != 0 && stop_requested()) error_ = EINTR;
    }
    buffer_.clear();
    return error_ == 0;
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
