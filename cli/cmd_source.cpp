// SPDX-License-Identifier: MIT
//
// statctl source add, statctl source del.
#include <array>
#include <memory>

#include "command.hpp"
#include "source_columns.hpp"

namespace statctl {

namespace {

struct SourceOptions {
    std::string kind;
    std::string name;
    std::vector<std::string> params;
};

Result<void> run_add(Context& context, const SourceOptions& options) {
    auto client = open_client(context);
    if (!client) return failure(client);
    auto made = client->add_source(options.name, options.kind,
                                   fmt::format("{}", fmt::join(options.params, " ")));
    if (!made) return failure(made);
    print_row<statchan::SourceInfo>(context.out, context.json, source_columns, *made);
    return {};
}

Result<void> run_del(Context& context, const SourceOptions& options) {
    auto client = open_client(context);
    if (!client) return failure(client);
    return client->remove_source(options.name);
}

void set_up_add(CommandLine& line) {
    auto options = std::make_shared<SourceOptions>();
    line.argument("KIND", options->kind,
                  "netdev (an interface, by its name), synth (a simulated switch), or what other "
                  "modules offer");
    line.argument("NAME", options->name, "name of the new source; netdev: of the interface");
    line.parameters(options->params, false);
    line.run([options](Context& context) { return run_add(context, *options); });
}

void set_up_del(CommandLine& line) {
    auto options = std::make_shared<SourceOptions>();
    line.argument("NAME", options->name, "name of the source");
    line.run([options](Context& context) { return run_del(context, *options); });
}

constexpr std::array table{
    Command{"add", "make a source",
            "statctl source add netdev eth0\n"
            "statctl source add synth sw0 ports=64 pps=1000",
            set_up_add},
    Command{"del", "remove a source; its channels end after what they hold",
            "statctl source del sw0", set_up_del},
};

}  // namespace

void set_up_source(CommandLine& line) { line.commands(table); }

}  // namespace statctl
