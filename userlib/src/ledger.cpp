// SPDX-License-Identifier: MIT
#include <statchan/ledger.hpp>

namespace statchan {
namespace {

constexpr auto socket_overrun = static_cast<std::size_t>(LostReason::socket_overrun);

// What is unavailable on one CPU is unavailable for all.
void add(Count& sum, const Count& value) noexcept {
    if (sum && value)
        *sum += *value;
    else
        sum.reset();
}

void add(StreamLedgerEntry& sum, const StreamLedgerEntry& e) noexcept {
    add(sum.produced, e.produced);
    add(sum.accepted, e.accepted);
    add(sum.filtered, e.filtered);
    add(sum.truncated, e.truncated);
    add(sum.wakeups, e.wakeups);
    add(sum.consumed, e.consumed);
    add(sum.bytes, e.bytes);
    for (std::size_t i = 0; i < lost_reasons; ++i) {
        add(sum.lost[i], e.lost[i]);
        sum.gap_records[i] += e.gap_records[i];
    }
    sum.received += e.received;
    sum.gaps += e.gaps;
    sum.gaps_unexplained += e.gaps_unexplained;
    sum.out_of_order += e.out_of_order;
    sum.accepted_before += e.accepted_before;
}

}  // namespace

std::uint64_t LedgerEntry::lost_total() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& count : lost) sum += count.value_or(0);
    return sum;
}

bool LedgerEntry::adds_up() const noexcept {
    return produced && accepted && filtered && *produced == *accepted + *filtered + lost_total();
}

Count StreamLedgerEntry::in_flight() const noexcept {
    if (!accepted) return std::nullopt;
    return *accepted - accepted_before - received - gap_records[socket_overrun];
}

StreamLedgerEntry Ledger::total() const noexcept {
    if (cpus.empty()) return {};
    auto sum = cpus.front();
    for (std::size_t i = 1; i < cpus.size(); ++i) add(sum, cpus[i]);
    return sum;
}

}  // namespace statchan
