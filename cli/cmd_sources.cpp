// SPDX-License-Identifier: MIT
//
// statctl sources: what there is to read in this network namespace.
#include "command.hpp"
#include "remark.hpp"
#include "source_columns.hpp"

namespace statctl {

namespace {

Result<void> run_sources(Context& context) {
    auto client = open_client(context);
    if (!client) return failure(client);
    auto sources = client->sources();
    if (!sources) return failure(sources);
    if (sources->empty() && !context.json) {
        remark(
            "statctl: no sources in this network namespace; statctl source add KIND NAME "
            "makes one\n");
        return {};
    }
    print_rows<statchan::SourceInfo>(context.out, context.json, source_columns, *sources);
    return {};
}

}  // namespace

void set_up_sources(CommandLine& line) { line.run(run_sources); }

}  // namespace statctl
