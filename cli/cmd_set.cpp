// SPDX-License-Identifier: MIT
//
// statctl set: change parameters of a source while it works.
#include <memory>

#include "command.hpp"
#include "options.hpp"
#include "params.hpp"
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
    auto changed = client->set_source(options.source, join_params(options.params));
    if (!changed) return failure(changed);
    print_row<statchan::SourceInfo>(context.out, context.json, source_columns, *changed);
    return {};
}

}  // namespace

void set_up_set(CLI::App& app, Context& context) {
    auto options = std::make_shared<SetOptions>();
    add_source(app, options->source);
    add_params(app, options->params)->required();
    app.callback([&context, options] {
        context.run = [options](Context& c) { return run_set(c, *options); };
    });
}

}  // namespace statctl
