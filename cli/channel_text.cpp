// SPDX-License-Identifier: MIT
#include "channel_text.hpp"

#include <array>
#include <vector>

#include "units.hpp"

namespace statctl {

namespace {

using statchan::ChannelConfig;
using statchan::Count;
using statchan::LedgerEntry;
using statchan::LostReason;
using statchan::StreamLedgerEntry;

// ---- configuration ----

struct Setting {
    std::string_view key;  // in JSON
    std::string phrase;    // for people: {} is the value
    Cell (*cell)(const ChannelConfig&);
};

Cell size_cell(std::uint64_t bytes) { return {bytes, bytes == 0 ? "none" : format_size(bytes)}; }

Cell time_cell(nanoseconds time) {
    if (time == statchan::never) return {nullptr, "never"};
    return {time.count(), format_duration(time)};
}

const std::array<Setting, 11>& settings() {
    static const std::array<Setting, 11> table{{
        {"rate", "1 in {}", [](const ChannelConfig& c) -> Cell { return c.rate; }},
        {"snaplen", "snaplen {}", [](const ChannelConfig& c) -> Cell { return c.snaplen; }},
        {"watermark_records", "wakeup after {} records",
         [](const ChannelConfig& c) -> Cell { return c.watermark_records; }},
        {"watermark_bytes", "or {}",
         [](const ChannelConfig& c) -> Cell { return size_cell(c.watermark_bytes); }},
        {"timeout_ns", "or {}",
         [](const ChannelConfig& c) -> Cell { return time_cell(c.timeout); }},
        {"buffer_size", "buffer {} per CPU",
         [](const ChannelConfig& c) -> Cell { return size_cell(c.buffer_size); }},
        {"subbufs", "{} sub-buffers", [](const ChannelConfig& c) -> Cell { return c.subbufs; }},
        {"mode", "mode {}",
         [](const ChannelConfig& c) -> Cell { return statchan::to_string(c.mode); }},
        {"period_ns", "every {}",
         [](const ChannelConfig& c) -> Cell { return time_cell(c.period); }},
        {"batch_bytes", "batches of {}",
         [](const ChannelConfig& c) -> Cell { return size_cell(c.batch_bytes); }},
        {"receive_buffer", "receive buffer {}",
         [](const ChannelConfig& c) -> Cell { return size_cell(c.receive_buffer); }},
    }};
    return table;
}

// The setting has a meaning where it is in force, and someone asked for it.
bool is_default(const Cell& cell) { return cell.json == Json{0} || cell.json == Json{"discard"}; }

// ---- ledgers ----

// The kernel's half of a row, and the library's where there is one.
struct LedgerRow {
    std::string cpu;
    const LedgerEntry& kernel;
    const StreamLedgerEntry* stream = nullptr;
};

// Losses by reason: the kernel's account, and of what only the reader can know the library's.
Count lost_by(const LedgerRow& row, std::size_t reason) {
    const Count known = row.kernel.lost[reason];
    if (row.stream == nullptr) return known;
    switch (static_cast<LostReason>(reason)) {
        case LostReason::socket_overrun:
        case LostReason::overwritten:
            return std::max(known.value_or(0), row.stream->gap_records[reason]);
        default:
            return known;
    }
}

Cell count_cell(const Count& count) {
    if (!count) return {nullptr, "unavailable"};
    return *count;
}

Cell lost_cell(const LedgerRow& row) {
    JsonObject by_reason;
    std::uint64_t total = 0;
    std::string reasons;
    for (std::size_t i = 0; i < statchan::lost_reasons; ++i) {
        const auto name = statchan::to_string(static_cast<LostReason>(i));
        const auto lost = lost_by(row, i);
        const bool is_named = !name.starts_with("reason_");
        if (is_named || lost.value_or(0) != 0) by_reason.add(name, count_cell(lost).json);
        if (lost.value_or(0) == 0) continue;
        total += *lost;
        reasons += fmt::format("{}{} {}", reasons.empty() ? " (" : ", ", name, *lost);
    }
    if (!reasons.empty()) reasons += ")";
    Cell cell{by_reason.done(), fmt::format("{}{}", total, reasons)};
    cell.marked = total != 0;
    return cell;
}

constexpr std::array<Column<LedgerRow>, 9> kernel_columns{{
    {"cpu", Align::right,
     [](const LedgerRow& r) -> Cell {
         if (r.cpu == "all") return {nullptr, r.cpu};
         return {r.kernel.cpu, r.cpu};
     }},
    {"first_seq", Align::right,
     [](const LedgerRow& r) -> Cell { return count_cell(r.kernel.first_seq); }, For::programs},
    {"next_seq", Align::right,
     [](const LedgerRow& r) -> Cell { return count_cell(r.kernel.next_seq); }, For::programs},
    {"produced", Align::right,
     [](const LedgerRow& r) -> Cell { return count_cell(r.kernel.produced); }},
    {"filtered", Align::right,
     [](const LedgerRow& r) -> Cell { return count_cell(r.kernel.filtered); }},
    {"accepted", Align::right,
     [](const LedgerRow& r) -> Cell { return count_cell(r.kernel.accepted); }},
    {"bytes", Align::right, [](const LedgerRow& r) -> Cell { return count_cell(r.kernel.bytes); }},
    {"truncated", Align::right,
     [](const LedgerRow& r) -> Cell { return count_cell(r.kernel.truncated); }},
    {"wakeups", Align::right,
     [](const LedgerRow& r) -> Cell { return count_cell(r.kernel.wakeups); }},
}};

constexpr std::array<Column<LedgerRow>, 1> taken_columns{{
    {"consumed", Align::right,
     [](const LedgerRow& r) -> Cell { return count_cell(r.kernel.consumed); }},
}};

constexpr std::array<Column<LedgerRow>, 7> stream_columns{{
    {"received", Align::right, [](const LedgerRow& r) -> Cell { return r.stream->received; }},
    {"in_flight", Align::right,
     [](const LedgerRow& r) -> Cell { return count_cell(r.stream->in_flight()); }},
    {"gaps", Align::right, [](const LedgerRow& r) -> Cell { return r.stream->gaps; },
     For::programs},
    {"unreported", Align::right, [](const LedgerRow& r) -> Cell { return r.stream->unreported; },
     For::programs},
    {"gaps_unexplained", Align::right,
     [](const LedgerRow& r) -> Cell { return r.stream->gaps_unexplained; }, For::programs},
    {"out_of_order", Align::right,
     [](const LedgerRow& r) -> Cell { return r.stream->out_of_order; }, For::programs},
    {"accepted_before", Align::right,
     [](const LedgerRow& r) -> Cell { return r.stream->accepted_before; }, For::programs},
}};

constexpr std::array<Column<LedgerRow>, 1> lost_columns{{
    {"lost", Align::left, lost_cell},
}};

std::vector<Column<LedgerRow>> columns_for(bool stream) {
    std::vector<Column<LedgerRow>> columns(kernel_columns.begin(), kernel_columns.end());
    const auto add = [&](const auto& more) {
        columns.insert(columns.end(), more.begin(), more.end());
    };
    if (stream) {
        add(stream_columns);
    } else {
        add(taken_columns);
    }
    add(lost_columns);
    return columns;
}

template <class Entry>
std::vector<LedgerRow> rows_of(std::span<const Entry> cpus) {
    std::vector<LedgerRow> rows;
    for (const auto& entry : cpus) {
        LedgerRow row{std::to_string(entry.cpu), entry};
        if constexpr (std::is_same_v<Entry, StreamLedgerEntry>) row.stream = &entry;
        rows.push_back(row);
    }
    return rows;
}

void print_faults(Out& out, const StreamLedgerEntry& total) {
    if (total.gaps_unexplained != 0) {
        out.print("FAULT: {} records missing without a word about it\n", total.gaps_unexplained);
    }
    if (total.out_of_order != 0) {
        out.print("FAULT: {} records out of order\n", total.out_of_order);
    }
}

// What was accepted and not read is accounted for, too: a fault is only what nobody explains.
void print_verdict(Out& out, const statchan::Ledger& ledger) {
    const auto total = ledger.total();
    const auto unread = total.in_flight().value_or(0);
    if (ledger.closes()) {
        out.write("the books close\n");
    } else if (unread != 0 && total.adds_up() && total.gaps_unexplained + total.out_of_order == 0) {
        out.print("{} records were accepted and not read\n", unread);
    } else {
        out.write("FAULT: the books do not close\n");
    }
}

}  // namespace

JsonObject to_json(const ChannelConfig& config) {
    JsonObject object;
    for (const auto& setting : settings()) object.add(setting.key, setting.cell(config).json);
    return object;
}

std::string describe(const ChannelConfig& effective, const ChannelConfig& requested) {
    std::string text;
    for (const auto& setting : settings()) {
        const auto now = setting.cell(effective);
        const auto asked = setting.cell(requested);
        if (is_default(now) && is_default(asked)) continue;
        if (!text.empty()) text += setting.phrase.starts_with("or ") ? " " : ", ";
        text += fmt::format(fmt::runtime(setting.phrase), now.text);
        if (!is_default(asked) && asked.json != now.json) {
            text += fmt::format(" (asked for {})", asked.text);
        }
    }
    return text;
}

void print_ledger(Out& out, bool json, std::span<const LedgerEntry> cpus) {
    const auto columns = columns_for(false);
    const auto rows = rows_of(cpus);
    print_rows<LedgerRow>(out, json, columns, rows);
}

void print_ledger_total(Out& out, bool json, std::span<const LedgerEntry> cpus) {
    statchan::Ledger ledger;
    for (const auto& entry : cpus) ledger.cpus.push_back({entry});
    const auto columns = columns_for(false);
    const auto total = ledger.total();
    print_row<LedgerRow>(out, json, columns, LedgerRow{"all", total});
}

void print_ledger_text(Out& out, const statchan::Ledger& ledger) {
    const auto columns = columns_for(true);
    const auto total = ledger.total();
    auto rows = rows_of<StreamLedgerEntry>(ledger.cpus);
    if (rows.size() > 1) rows.push_back({"all", total, &total});
    to_text<LedgerRow>(columns, rows).print(out, out.colour());
    if (ledger.socket_drops) out.print("the socket threw {} messages away\n", *ledger.socket_drops);
    print_faults(out, total);
    print_verdict(out, ledger);
}

JsonObject to_json(const statchan::Ledger& ledger) {
    const auto columns = columns_for(true);
    const auto total = ledger.total();
    JsonArray cpus;
    for (const auto& row : rows_of<StreamLedgerEntry>(ledger.cpus)) {
        cpus.add(to_json<LedgerRow>(columns, row).done());
    }
    JsonObject object;
    object.add("end_of_stream", ledger.end_of_stream);
    object.add("closes", ledger.closes());
    object.add("socket_drops", count_cell(ledger.socket_drops).json);
    object.add("cpus", cpus.done());
    object.add("total", to_json<LedgerRow>(columns, {"all", total, &total}).done());
    return object;
}

std::uint64_t lost_total(const StreamLedgerEntry& entry) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < statchan::lost_reasons; ++i) {
        total += lost_by({"", entry, &entry}, i).value_or(0);
    }
    return total;
}

}  // namespace statctl
