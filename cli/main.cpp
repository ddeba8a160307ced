// SPDX-License-Identifier: MIT
//
// statctl [-t TRANSPORT] [-j] COMMAND [SOURCE] [options]
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <system_error>

#include "command.hpp"

namespace {

enum ExitStatus { done = 0, failed = 1, bad_usage = 2 };

void complain(std::string message) {
    std::replace(message.begin(), message.end(), '\n', ' ');
    fmt::print(stderr, "statctl: {}\n", message);
}

// A closed standard stream would give its number to the next file that we open.
void ensure_standard_streams() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0) std::ignore = ::open("/dev/null", O_RDWR);
    }
}

int usage_error(const CLI::App& program, const CLI::ParseError& error) {
    const auto named = program.get_subcommands();
    const auto extra = program.remaining();
    if (named.empty() && !extra.empty() && !extra.front().starts_with('-')) {
        complain(fmt::format("'{}' is not a command; see statctl --help", extra.front()));
        return bad_usage;
    }
    std::string command = "statctl";
    for (const auto* app = &program; !app->get_subcommands().empty();) {
        app = app->get_subcommands().front();
        command += " " + app->get_name();
    }
    const bool bare = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
                      std::string_view{error.what()}.find("subcommand") != std::string_view::npos;
    complain(
        fmt::format("{}; see {} --help", bare ? "a command is required" : error.what(), command));
    return bad_usage;
}

int finish(statctl::Context& context, const statctl::Result<void>& result) {
    context.out.flush();
    const int error = context.out.error();
    if (error == EPIPE) return done;
    if (!result) {
        complain(result.error().message());
        return result.error() == statchan::errc::unknown_transport ? bad_usage : failed;
    }
    if (error != 0) {
        complain("write standard output: " + std::generic_category().message(error));
        return failed;
    }
    return done;
}

}  // namespace

int main(int argc, char** argv) try {
    ensure_standard_streams();
    std::signal(SIGPIPE, SIG_IGN);
    statctl::Context context;
    CLI::App program{"Hardware statistics and packet samples out of the kernel.", "statctl"};
    statctl::set_up_program(program, context);
    try {
        program.parse(argc, argv);
        const auto result = context.run(context);
        return finish(context, result);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return program.exit(error);  // --help, --version
        return usage_error(program, error);
    }
} catch (const std::exception& error) {
    complain(error.what());
    return failed;
}
