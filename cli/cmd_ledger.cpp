// SPDX-License-Identifier: MIT
//
// statctl ledger: all channels of this network namespace, or the account of one.
#include <array>
#include <memory>

#include "channel_text.hpp"
#include "command.hpp"
#include "remark.hpp"

namespace statctl {

namespace {

struct ChannelRow {
    const statchan::ChannelInfo& info;
    std::string source;
};

constexpr std::array<Column<ChannelRow>, 9> account_columns{{
    {"channel", Align::right, [](const ChannelRow& r) -> Cell { return r.info.id; }},
    {"source", Align::left, [](const ChannelRow& r) -> Cell { return r.source; }},
    {"transport", Align::left, [](const ChannelRow& r) -> Cell { return r.info.transport; }},
    {"kind", Align::left,
     [](const ChannelRow& r) -> Cell { return statchan::to_string(r.info.kind); }},
    {"pid", Align::right, [](const ChannelRow& r) -> Cell { return r.info.pid; }},
    {"subscribers", Align::right, [](const ChannelRow& r) -> Cell { return r.info.subscribers; },
     For::programs},
    {"ended", Align::left, [](const ChannelRow& r) -> Cell { return r.info.end_of_stream; }},
    {"requested", Align::left,
     [](const ChannelRow& r) -> Cell {
         return {to_json(r.info.requested).done(), {}};
     },
     For::programs},
    {"effective", Align::left,
     [](const ChannelRow& r) -> Cell {
         return {to_json(r.info.effective).done(), describe(r.info.effective, r.info.requested)};
     }},
}};

std::string name_of(const std::vector<statchan::SourceInfo>& sources, std::uint32_t id) {
    for (const auto& source : sources) {
        if (source.id == id) return source.name;
    }
    return fmt::format("source {} (gone)", id);
}

Result<void> list_channels(Context& context, const statchan::Client& client) {
    auto channels = client.channels();
    if (!channels) return failure(channels);
    auto sources = client.sources();
    if (!sources) return failure(sources);
    std::vector<ChannelRow> rows;
    for (const auto& info : *channels) rows.push_back({info, name_of(*sources, info.source)});
    if (rows.empty() && !context.json) {
        remark("statctl: no channels in this network namespace\n");
        return {};
    }
    print_rows<ChannelRow>(context.out, context.json, account_columns, rows);
    return {};
}

struct LedgerOptions {
    std::uint32_t channel = 0;  // 0: list them
    bool per_cpu = false;
};

Result<void> run_ledger(Context& context, const LedgerOptions& options) {
    auto client = open_client(context);
    if (!client) return failure(client);
    if (options.channel == 0) return list_channels(context, *client);
    auto ledger = client->ledger(options.channel);
    if (!ledger) return failure(ledger);
    if (options.per_cpu)
        print_ledger(context.out, context.json, *ledger);
    else
        print_ledger_total(context.out, context.json, *ledger);
    return {};
}

}  // namespace

void set_up_ledger(CommandLine& line) {
    auto options = std::make_shared<LedgerOptions>();
    line.optional_argument("CHANNEL", options->channel, parse_number,
                           "number of a channel; without it all channels are listed");
    line.flag("--per-cpu", options->per_cpu, "a row for each CPU");
    line.run([options](Context& context) { return run_ledger(context, *options); });
}

}  // namespace statctl
