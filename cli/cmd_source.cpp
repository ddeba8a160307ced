// SPDX-License-Identifier: MIT
//
// statctl source add, statctl source del.
#include <array>
#include <memory>

#include "command.hpp"
#include "params.hpp"
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
    auto made = client->add_source(options.name, options.kind, join_params(options.params));
    if (!made) return failure(made);
    print_row<statchan::SourceInfo>(context.out, context.json, source_columns, *made);
    return {};
}

Result<void> run_del(Context& context, const SourceOptions& options) {
    auto client = open_client(context);
    if (!client) return failure(client);
    return client->remove_source(options.name);
}

void set_up_add(CLI::App& app, Context& context) {
    auto options = std::make_shared<SourceOptions>();
    app.add_option("KIND", options->kind,
                   "netdev (an interface, by its name), synth (a simulated switch), or what "
                   "other modules offer")
        ->required()
        ->type_name("");
    app.add_option("NAME", options->name, "name of the new source; netdev: of the interface")
        ->required()
        ->type_name("");
    add_params(app, options->params);
    app.callback([&context, options] {
        context.run = [options](Context& c) { return run_add(c, *options); };
    });
}

void set_up_del(CLI::App& app, Context& context) {
    auto options = std::make_shared<SourceOptions>();
    app.add_option("NAME", options->name, "name of the source")->required()->type_name("");
    app.callback([&context, options] {
        context.run = [options](Context& c) { return run_del(c, *options); };
    });
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

void set_up_source(CLI::App& app, Context& context) {
    app.require_subcommand(1);
    for (const auto& command : table) add_command(app, context, command);
}

}  // namespace statctl
