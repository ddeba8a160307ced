// SPDX-License-Identifier: MIT
//
// statctl transports: which there are, here and in the kernel, and what they can do.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "command.hpp"
#include "remark.hpp"
#include "table.hpp"

namespace statctl {

namespace {

using statchan::Capability;
using statchan::TransportInfo;

struct TransportRow {
    TransportInfo info;
    bool in_library = false;
    std::optional<bool> in_kernel;  // unknown without the module
};

template <Capability c>
Cell can(const TransportRow& row) {
    return row.info.capabilities.has(c);
}

constexpr std::array<Column<TransportRow>, 13> transport_columns{{
    {"transport", Align::left, [](const TransportRow& row) -> Cell { return row.info.name; }},
    {"library", Align::left,
     [](const TransportRow& row) -> Cell {
         if (!row.info.unusable.empty()) return {row.in_library, "unusable"};
         return row.in_library;
     }},
    {"kernel", Align::left,
     [](const TransportRow& row) -> Cell {
         if (!row.in_kernel) return {nullptr, "?"};
         return *row.in_kernel;
     }},
    {"usable", Align::left,
     [](const TransportRow& row) -> Cell {
         return row.in_library && row.in_kernel.value_or(true) && row.info.unusable.empty();
     },
     For::programs},
    {"snapshot", Align::left, can<Capability::snapshot>},
    {"live", Align::left, can<Capability::live>},
    {"samples", Align::left, can<Capability::samples>},
    {"events", Align::left, can<Capability::events>},
    {"multicast", Align::left, can<Capability::multicast>},
    {"zero_copy", Align::left, can<Capability::zerocopy>},
    {"overwrite", Align::left, can<Capability::overwrite>, For::programs},
    {"plain_files", Align::left, can<Capability::files>},
    {"unusable", Align::left,
     [](const TransportRow& row) -> Cell {
         if (row.info.unusable.empty()) return std::nullopt;
         return row.info.unusable;
     },
     For::programs},
}};

// netlink-nl is a second user half of the kernel's netlink: a name up to a dash counts.
bool is_half_of(const std::string& user, const std::string& kernel) {
    return user == kernel || user.starts_with(kernel + "-");
}

std::vector<TransportRow> merge(const std::vector<TransportInfo>& library,
                                const std::vector<TransportInfo>* kernel) {
    std::vector<TransportRow> rows;
    rows.reserve(library.size());
    for (const auto& info : library) rows.push_back({info, true, std::nullopt});
    if (kernel == nullptr) return rows;
    for (auto& row : rows) row.in_kernel = false;
    for (const auto& info : *kernel) {
        bool known = false;
        for (auto& row : rows) {
            if (!is_half_of(row.info.name, info.name)) continue;
            row.in_kernel = known = true;
        }
        if (!known) rows.push_back({info, false, true});
    }
    return rows;
}

Result<std::vector<TransportInfo>> ask_kernel(const Context& context) {
    auto client = open_client(context);
    if (!client) return failure(client);
    return client->kernel_transports();
}

Result<void> run_transports(Context& context) {
    const auto kernel = ask_kernel(context);
    if (!kernel && kernel.error() == statchan::errc::unknown_transport) {
        return tl::unexpected(kernel.error());
    }
    const auto rows = merge(statchan::transports(), kernel ? &*kernel : nullptr);
    print_rows<TransportRow>(context.out, context.json, transport_columns, rows);
    for (const auto& row : rows)
        if (!row.info.unusable.empty())
            remark("statctl: note: transport {} can not be used: {}\n", row.info.name,
                   row.info.unusable);
    // The library's half is known without the module, and that was asked for, too.
    if (!kernel) remark("statctl: note: {}\n", kernel.error().message());
    return {};
}

}  // namespace

void set_up_transports(CommandLine& line) { line.run(run_transports); }

}  // namespace statctl
