// SPDX-License-Identifier: MIT
//
// Channels, their configuration and their ledgers, as text and as JSON.
#pragma once

#include <statchan/ledger.hpp>
#include <statchan/types.hpp>
#include <string>

#include "table.hpp"

namespace statctl {

/// Every setting of a channel by name.
[[nodiscard]] JsonObject to_json(const statchan::ChannelConfig& config);

/// "1 in 100, snaplen 128, buffer 1 MiB per CPU (asked for 1000000 bytes), ..."
[[nodiscard]] std::string describe(const statchan::ChannelConfig& effective,
                                   const statchan::ChannelConfig& requested);

/// The kernel's account of a channel, per CPU.
void print_ledger(Out& out, bool json, std::span<const statchan::LedgerEntry> cpus);

/// The same, all CPUs together: one row, or one JSON object.
void print_ledger_total(Out& out, bool json, std::span<const statchan::LedgerEntry> cpus);

/// Kernel's and library's account of a stream, as rows of a text table ...
void print_ledger_text(Out& out, const statchan::Ledger& ledger);
/// ... and as {"cpus": [...], "total": {...}, "end_of_stream": false}.
[[nodiscard]] JsonObject to_json(const statchan::Ledger& ledger);

/// Records lost, by the kernel's and by the library's account together.
[[nodiscard]] std::uint64_t lost_total(const statchan::StreamLedgerEntry& entry);

}  // namespace statctl
