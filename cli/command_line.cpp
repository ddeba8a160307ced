// SPDX-License-Identifier: MIT
#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <sstream>
#include <statchan/types.hpp>
#include <utility>

#include "command.hpp"

namespace statctl {

namespace {

// One empty line between groups of options, where CLI11 has two.
class HelpFormat : public CLI::Formatter {
  public:
    HelpFormat() {
        column_width(34);
        label("Positionals", "Arguments");
        label("OPTIONS", "options");
        label("SUBCOMMAND", "COMMAND");
        label("REQUIRED", "");
    }
    std::string make_help(const CLI::App* app, std::string name,
                          CLI::AppFormatMode mode) const override {
        auto text = CLI::Formatter::make_help(app, std::move(name), mode);
        for (auto at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n")) {
            text.erase(at, 1);
        }
        return text;
    }
};

void add_common(CLI::App& app, Context& context) {
    app.set_help_flag("-h,--help", "this text");
    app.add_option("-t,--transport", context.transport,
                   "how to reach the kernel: statctl transports ($STATCHAN_TRANSPORT, or mmap)")
        ->type_name("NAME");
    app.add_flag("-j,--json", context.json, "JSON; streams print an object per line");
}

std::string footer(std::string_view examples) {
    std::string text = "Examples:";
    while (!examples.empty()) {
        const auto end = std::min(examples.find('\n'), examples.size());
        text += fmt::format("\n  {}", examples.substr(0, end));
        examples.remove_prefix(std::min(end + 1, examples.size()));
    }
    return text;
}

void add_command(CLI::App& parent, Context& context, const Command& command) {
    auto& app = *parent.add_subcommand(std::string{command.name}, std::string{command.summary});
    app.group("Commands");
    CommandLine line{app, context};
    command.set_up(line);
    add_common(app, context);
    if (!command.examples.empty()) app.footer(footer(command.examples));
}

std::string complaint(const CLI::App& program, const CLI::ParseError& error) {
    const auto extra = program.remaining();
    if (program.get_subcommands().empty() && !extra.empty() && !extra.front().starts_with('-')) {
        return fmt::format("'{}' is not a command; see statctl --help", extra.front());
    }
    std::string command = "statctl";
    const auto* app = &program;
    while (!app->get_subcommands().empty()) {
        app = app->get_subcommands().front();
        command += " " + app->get_name();
    }
    const bool bare = app->get_require_subcommand_min() > 0 && extra.empty() &&
                      dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
    return fmt::format("{}; see {} --help", bare ? "a command is required" : error.what(), command);
}

std::string check_parameter(const std::string& text) {
    const auto equals = text.find('=');
    const bool good = equals != std::string::npos && equals != 0 && equals + 1 != text.size() &&
                      text.find_first_of(" \t\n") == std::string::npos;
    return good ? std::string{} : fmt::format("'{}' is not of the form key=value", text);
}

}  // namespace

void CommandLine::argument(const std::string& name, std::string& value, const std::string& help) {
    app_.add_option(name, value, help)->required()->type_name("");
}

void CommandLine::arguments(const std::string& name, std::vector<std::string>& values,
                            const std::string& help) {
    app_.add_option(name, values, help)->required()->type_name("...");
}

void CommandLine::parameters(std::vector<std::string>& values, bool required) {
    app_.add_option("KEY=VALUE", values, "parameters of the source")
        ->type_name("")
        ->required(required)
        ->check(check_parameter);
}

void CommandLine::flag(const std::string& names, bool& value, const std::string& help) {
    app_.add_flag(names, value, help)->group(title_);
}

void CommandLine::option(const std::string& names, std::string& value, const std::string& type,
                         const std::string& help) {
    app_.add_option(names, value, help)->type_name(type)->group(title_);
}

void CommandLine::option_with(const std::string& names, const std::string& type,
                              const std::string& help,
                              std::function<std::string(std::string_view)> set) {
    const auto take = [names, set = std::move(set)](const std::string& text) {
        const auto wrong = set(text);
        if (!wrong.empty()) throw CLI::ValidationError{names, wrong};
    };
    app_.add_option_function<std::string>(names, take, help)->type_name(type)->group(title_);
}

void CommandLine::commands(std::span<const Command> commands) {
    app_.require_subcommand(1);
    for (const auto& command : commands) add_command(app_, context_, command);
}

void CommandLine::run(std::function<Result<void>(Context&)> run) {
    app_.callback([this_context = &context_, run = std::move(run)] { this_context->run = run; });
}

bool parse_command_line(int argc, char** argv, Context& context) {
    CLI::App program{"Hardware statistics and packet samples out of the kernel.", "statctl"};
    program.formatter(std::make_shared<HelpFormat>());
    add_common(program, context);
    program.set_version_flag("-V,--version", fmt::format("statctl {}", statchan::library_version()),
                             "which statctl this is");
    program.footer(
        "Exit status: 0 done, 1 the operation failed, 2 bad usage.\n"
        "`statctl COMMAND --help` tells more about a command.");
    CommandLine{program, context}.commands(statctl::commands());
    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() != 0) throw UsageError{complaint(program, error)};
        std::ostringstream text;  // help or version
        program.exit(error, text, text);
        context.out.write(text.str());
        return false;
    }
    return true;
}

}  // namespace statctl
