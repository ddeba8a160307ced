// SPDX-License-Identifier: MIT
//
// statctl [-t TRANSPORT] [-j] COMMAND [SOURCE] [options]
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <system_error>

#include "command.hpp"
#include "remark.hpp"

namespace {

enum ExitStatus { done = 0, failed = 1, bad_usage = 2 };

int complain(std::string message, ExitStatus status) {
    std::replace(message.begin(), message.end(), '\n', ' ');
    statctl::remark("statctl: {}\n", message);
    return status;
}

// A closed standard stream would give its number to the next file that we open.
void ensure_standard_streams() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0) std::ignore = ::open("/dev/null", O_RDWR);
    }
}

int finish(statctl::Context& context, const statctl::Result<void>& result) {
    context.out.flush();
    const int error = context.out.error();
    if (!result) {
        const bool usage = result.error() == statchan::errc::unknown_transport;
        return complain(result.error().message(), usage ? bad_usage : failed);
    }
    // Nobody reads any more: nothing is wrong.
    if (error == EPIPE) return done;
    if (error == EINTR)
        return complain("write standard output: ended before all of it was read", failed);
    if (error != 0)
        return complain("write standard output: " + std::generic_category().message(error), failed);
    // some disks say only now that they are full
    const int last = ::dup(STDOUT_FILENO);
    if (last >= 0 && ::close(last) != 0 && errno != EINTR)
        return complain("write standard output: " + std::generic_category().message(errno), failed);
    return done;
}

}  // namespace

int main(int argc, char** argv) try {
    ensure_standard_streams();
    std::signal(SIGPIPE, SIG_IGN);
    statctl::Context context;
    if (!statctl::parse_command_line(argc, argv, context)) return finish(context, {});
    const auto result = context.run(context);
    return finish(context, result);
} catch (const statctl::UsageError& error) {
    return complain(error.message, bad_usage);
} catch (const std::exception& error) {
    return complain(error.what(), failed);
}
