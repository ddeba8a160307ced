// SPDX-License-Identifier: MIT
//
// What a command is. Each lives in a file of its own, cmd_NAME.cpp; the table of all of them is
// in commands.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string_view>

#include "context.hpp"

namespace statctl {

/// One word of the command line.
struct Command {
    std::string_view name;
    std::string_view summary;   ///< one line, for the list of commands
    std::string_view examples;  ///< lines, for --help of the command
    /// Adds options and positionals to @p app, and a callback that sets Context::run.
    void (*set_up)(CLI::App& app, Context& context);
};

/// All commands, in the order of --help.
[[nodiscard]] std::span<const Command> commands();

/// Adds a command, with the options that all commands share, below @p parent.
CLI::App& add_command(CLI::App& parent, Context& context, const Command& command);

/// Adds all commands to the program.
void set_up_program(CLI::App& program, Context& context);

void set_up_get(CLI::App& app, Context& context);
void set_up_ledger(CLI::App& app, Context& context);
void set_up_monitor(CLI::App& app, Context& context);
void set_up_samples(CLI::App& app, Context& context);
void set_up_schema(CLI::App& app, Context& context);
void set_up_set(CLI::App& app, Context& context);
void set_up_source(CLI::App& app, Context& context);
void set_up_sources(CLI::App& app, Context& context);
void set_up_transports(CLI::App& app, Context& context);
void set_up_watch(CLI::App& app, Context& context);

}  // namespace statctl
