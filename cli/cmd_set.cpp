// SPDX-License-Identifier: MIT
//
// statctl set: change parameters of a source while it works.
#include <memory>

#include "command.hpp"
#include "source_columns.hpp"

namespace statctl {

namespace {

struct SetOptions {
    std::string source;
    std::vector<std::string> params;
};

Result<void> run_set(Context& context, const SetOptions& options) {
    auto client = open_client(context);
    if (!client) return failure(client);
    auto changed =
        client->set_source(options.source, fmt::format("{}", fmt::join(options.params, " ")));
    if (!changed) return failure(changed);
    print_row<statchan::SourceInfo>(context.out, context.json, source_columns, *changed);
    return {};
}

}  // namespace

void set_up_set(CommandLine& line) {
    auto options = std::make_shared<SetOptions>();
    line.argument("SOURCE", options->source, source_help);
    line.parameters(options->params, true);
    line.run([options](Context& context) { return run_set(context, *options); });
}

}  // namespace statctl
