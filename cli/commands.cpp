// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <array>
#include <memory>
#include <string>

#include "command.hpp"

namespace statctl {

namespace {

constexpr std::array table{
    Command{"transports", "list the transports and what each can do",
            "statctl transports\n"
            "statctl -j transports",
            set_up_transports},
    Command{"sources", "list the sources of this network namespace",
            "statctl sources\n"
            "ip netns exec red statctl sources     a netdev source lives where its interface is",
            set_up_sources},
    Command{"source", "add or delete a source", "", set_up_source},
    Command{"set", "change parameters of a source", "statctl set sw0 pps=1000 mode=paced",
            set_up_set},
    Command{"schema", "describe the counters of a source",
            "statctl schema eth0\n"
            "statctl -j schema sw0",
            set_up_schema},
    Command{"get", "show counters once",
            "statctl get eth0 --nonzero\n"
            "statctl get sw0 --group port --instance 3 --field 'rx_*'\n"
            "statctl -t netlink -j get eth0 --max-age 1s",
            set_up_get},
    Command{"watch", "show rates of counters, again and again",
            "statctl watch eth0 --interval 500ms\n"
            "statctl watch sw0 --group port --count 10 | tee rates.txt",
            set_up_watch},
    Command{"samples", "show or save sampled packets",
            "statctl samples eth0 --rate 1:100 --count 20\n"
            "statctl samples eth0 -w eth0.pcapng --seconds 10\n"
            "statctl samples eth0 -w - | wireshark -k -i -\n"
            "statctl -j samples eth0 | jq .summary",
            set_up_samples},
    Command{"monitor", "show events as they happen",
            "statctl monitor\n"
            "statctl -j monitor --seconds 60",
            set_up_monitor},
    Command{"ledger", "list channels, or account for the records of one",
            "statctl ledger        all channels\n"
            "statctl ledger 3      what became of the records of channel 3",
            set_up_ledger},
};

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

}  // namespace

std::span<const Command> commands() { return table; }

CLI::App& add_command(CLI::App& parent, Context& context, const Command& command) {
    auto& app = *parent.add_subcommand(std::string{command.name}, std::string{command.summary});
    app.group("Commands");
    command.set_up(app, context);
    add_common(app, context);
    if (!command.examples.empty()) {
        std::string footer = "Examples:";
        for (std::string_view rest = command.examples; !rest.empty();) {
            const auto end = std::min(rest.find('\n'), rest.size());
            footer += fmt::format("\n  {}", rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        app.footer(footer);
    }
    return app;
}

void set_up_program(CLI::App& program, Context& context) {
    program.formatter(std::make_shared<HelpFormat>());
    add_common(program, context);
    program.set_version_flag("-V,--version", "statctl " + std::string{statchan::library_version()},
                             "which statctl this is");
    program.footer(
        "Exit status: 0 done, 1 the operation failed, 2 bad usage.\n"
        "`statctl COMMAND --help` tells more about a command.");
    program.require_subcommand(1);
    for (const auto& command : commands()) add_command(program, context, command);
}

}  // namespace statctl
