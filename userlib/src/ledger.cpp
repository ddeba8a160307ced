// SPDX-License-Identifier: MIT
#include <algorithm>
#include <statchan/ledger.hpp>

namespace statchan {
namespace {

constexpr std::size_t index(LostReason reason) noexcept { return static_cast<std::size_t>(reason); }

constexpr std::array after{LostReason::socket_overrun, LostReason::overwritten};

// What is unavailable on one CPU is unavailable for all.
void add(Count& sum, const Count& value) noexcept {
    if (sum && value)
        *sum += *value;
    else
        sum.reset();
}

// The smaller or larger of two numbers, of which one may not be there.
template <class Choose>
Count either(const Count& a, const Count& b, Choose choose) noexcept {
    if (a && b) return choose(*a, *b);
    return a ? a : b;
}

}  // namespace

std::uint64_t LedgerEntry::lost_total() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& count : lost) sum += count.value_or(0);
    return sum;
}

std::uint64_t LedgerEntry::lost_before() const noexcept {
    auto sum = lost_total();
    for (const auto reason : after) sum -= lost[index(reason)].value_or(0);
    return sum;
}

bool LedgerEntry::adds_up() const noexcept {
    return produced && accepted && filtered && *produced == *accepted + *filtered + lost_before();
}

Count StreamLedgerEntry::in_flight() const noexcept {
    if (!accepted) return std::nullopt;
    return *accepted - accepted_before - received - gap_records[index(LostReason::socket_overrun)] -
           gap_records[index(LostReason::overwritten)];
}

bool StreamLedgerEntry::closes() const noexcept {
    return adds_up() && in_flight() == 0U && gaps_unexplained == 0 && out_of_order == 0;
}

StreamLedgerEntry& StreamLedgerEntry::operator+=(const StreamLedgerEntry& other) noexcept {
    first_seq = either(first_seq, other.first_seq, [](auto a, auto b) { return std::min(a, b); });
    next_seq = either(next_seq, other.next_seq, [](auto a, auto b) { return std::max(a, b); });
    add(produced, other.produced);
    add(accepted, other.accepted);
    add(filtered, other.filtered);
    add(truncated, other.truncated);
    add(wakeups, other.wakeups);
    add(consumed, other.consumed);
    add(bytes, other.bytes);
    for (std::size_t i = 0; i < lost_reasons; ++i) {
        add(lost[i], other.lost[i]);
        gap_records[i] += other.gap_records[i];
    }
    received += other.received;
    gaps += other.gaps;
    unreported += other.unreported;
    gaps_unexplained += other.gaps_unexplained;
    out_of_order += other.out_of_order;
    accepted_before += other.accepted_before;
    return *this;
}

StreamLedgerEntry Ledger::total() const noexcept {
    if (cpus.empty()) return {};
    auto sum = cpus.front();
    for (std::size_t i = 1; i < cpus.size(); ++i) sum += cpus[i];
    return sum;
}

bool Ledger::closes() const noexcept {
    if (!std::all_of(cpus.begin(), cpus.end(), [](const auto& e) { return e.closes(); }))
        return false;
    const auto sum = total();
    const auto missed = sum.gap_records[index(LostReason::socket_overrun)] + sum.unreported;
    return !socket_drops || *socket_drops != 0 || missed == 0;
}

Ledger& Ledger::operator+=(const Ledger& other) {
    for (const auto& entry : other.cpus) {
        const auto mine = std::find_if(cpus.begin(), cpus.end(),
                                       [&](const auto& e) { return e.cpu == entry.cpu; });
        if (mine == cpus.end())
            cpus.push_back(entry);
        else
            *mine += entry;
    }
    end_of_stream = other.end_of_stream;
    if (other.socket_drops) socket_drops = socket_drops.value_or(0) + *other.socket_drops;
    return *this;
}

}  // namespace statchan
