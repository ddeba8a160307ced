// SPDX-License-Identifier: MIT
//
// What a command is. Each lives in a file of its own, cmd_NAME.cpp; the table of all of them is
// in commands.cpp.
#pragma once

#include <span>
#include <string_view>

#include "command_line.hpp"
#include "context.hpp"

namespace statctl {

/// One word of the command line.
struct Command {
    std::string_view name;
    std::string_view summary;   ///< one line, for the list of commands
    std::string_view examples;  ///< lines, for --help of the command
    void (*set_up)(CommandLine& line);
};

/// All commands, in the order of --help.
[[nodiscard]] std::span<const Command> commands();

/// Finds out what the command line asks for: sets Context::run, or returns false if that was
/// help, which it has printed. Throws UsageError.
[[nodiscard]] bool parse_command_line(int argc, char** argv, Context& context);

void set_up_advise(CommandLine& line);
void set_up_calibrate(CommandLine& line);
void set_up_compare(CommandLine& line);
void set_up_get(CommandLine& line);
void set_up_ledger(CommandLine& line);
void set_up_monitor(CommandLine& line);
void set_up_report(CommandLine& line);
void set_up_samples(CommandLine& line);
void set_up_schema(CommandLine& line);
void set_up_set(CommandLine& line);
void set_up_source(CommandLine& line);
void set_up_sources(CommandLine& line);
void set_up_transports(CommandLine& line);
void set_up_verify(CommandLine& line);
void set_up_watch(CommandLine& line);

}  // namespace statctl
