// SPDX-License-Identifier: MIT
#include "out.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace statctl {

bool Out::flush() {
    const char* data = buffer_.data();
    std::size_t left = buffer_.size();
    while (left != 0 && error_ == 0) {
        const auto n = ::write(fd_, data, left);
        if (n >= 0) {
            data += n;
            left -= static_cast<std::size_t>(n);
        } else if (errno == EAGAIN) {
            pollfd writable{.fd = fd_, .events = POLLOUT, .revents = 0};
            ::poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            error_ = errno;
        }
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
