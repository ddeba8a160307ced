// SPDX-License-Identifier: MIT
#include "check.hpp"

#include <linux/statchan_synth.h>

#include <algorithm>

#include "chance.hpp"

namespace soak {

using statchan::LostReason;

namespace {

std::string number(std::uint64_t n) { return std::to_string(n); }

std::string number(const statchan::Count& n) { return n ? number(*n) : "?"; }

// Gaps of the library's own span all that is missing.
bool counts_exactly(LostReason reason) {
    return reason != LostReason::socket_overrun && reason != LostReason::unreported &&
           reason != LostReason::overwritten;
}

std::string text(const statchan::StreamLedgerEntry& e) {
    auto line = "cpu " + number(e.cpu) + ": seq " + number(e.first_seq) + ".." +
                number(e.next_seq) + ", produced " + number(e.produced) + ", accepted " +
                number(e.accepted) + ", filtered " + number(e.filtered) + ", received " +
                number(e.received) + ", before " + number(e.accepted_before) + ", unexplained " +
                number(e.gaps_unexplained) + ", out of order " + number(e.out_of_order) +
                ", unreported " + number(e.unreported);
    for (std::size_t i = 0; i < e.lost.size(); ++i)
        if (e.lost[i].value_or(0) + e.gap_records[i] != 0)
            line += ", " + to_string(static_cast<LostReason>(i)) + " " + number(e.lost[i]) +
                    " (told " + number(e.gap_records[i]) + ")";
    return line;
}

}  // namespace

void RecordCheck::take(const statchan::Batch& batch) {
    for (const auto& item : batch) {
        if (const auto sample = item.sample())
            take(*sample);
        else if (const auto gap = item.gap())
            take(*gap);
    }
}

void RecordCheck::take(const statchan::Sample& sample) {
    const auto where = "cpu " + number(sample.cpu()) + " seq " + number(sample.seq());
    const auto payload = sample.payload();
    const auto size = static_cast<std::uint32_t>(payload.size());
    const auto good = statchan_synth_check(payload.data(), size, sample.cpu(), sample.seq());
    if (good != size) throw Fault{where + ": byte " + number(good) + " is wrong"};
    if (size > sample.orig_len() || (size < sample.orig_len()) != sample.truncated())
        throw Fault{where + ": captured " + number(size) + " of " + number(sample.orig_len())};
    bytes_ += size;

    // A channel that takes every k-th record of its source sees every k-th number.
    const std::uint64_t step = std::max(rate_ / std::max(sample.rate(), 1U), 1U);
    auto& c = cpus_[sample.cpu()];
    if (!c.begun) c.next = sample.seq();
    c.begun = true;
    if (sample.seq() < c.next) throw Fault{where + ": out of order, after " + number(c.next)};
    const auto missing = (sample.seq() - c.next) / step;
    if (c.exact && missing != c.told)
        throw Fault{where + ": " + number(missing) + " are missing before it, " + number(c.told) +
                    " were told"};
    c.next = sample.seq() + step;
    c.told = 0;
    c.exact = true;
    ++c.received;
}

void RecordCheck::take(const statchan::Gap& gap) {
    auto& c = cpus_[gap.cpu];
    if (!c.begun) c.next = gap.first_seq;
    c.begun = true;
    if (gap.first_seq < c.next || gap.last_seq < gap.first_seq || gap.count == 0 ||
        gap.count > gap.last_seq - gap.first_seq + 1)
        throw Fault{to_string(gap) + ": makes no sense after " + number(c.next)};
    c.told += gap.count;
    c.lost += gap.count;
    if (!counts_exactly(gap.reason)) c.exact = c.always_exact = false;
}

void RecordCheck::close(const statchan::StreamLedgerEntry& entry, Tally& tally) const {
    const auto mine = cpus_.find(entry.cpu);
    const auto seen = mine == cpus_.end() ? Cpu{} : mine->second;
    if (!entry.closes()) throw Fault{"books do not close: " + text(entry)};
    if (seen.received != entry.received)
        throw Fault{number(seen.received) + " records seen; " + text(entry)};
    if (seen.always_exact && entry.accepted_before == 0 &&
        seen.received + seen.lost != *entry.produced - *entry.filtered)
        throw Fault{number(seen.lost) + " lost were told; " + text(entry)};

    tally.produced += *entry.produced;
    tally.filtered += *entry.filtered;
    tally.before += entry.accepted_before;
    tally.delivered += entry.received;
    for (std::size_t i = 0; i < entry.lost.size(); ++i) {
        const auto reason = static_cast<LostReason>(i);
        // what only the reader can know
        const bool ours = reason == LostReason::socket_overrun || reason == LostReason::overwritten;
        tally.lost[i] += ours ? entry.gap_records[i] : entry.lost[i].value_or(0);
    }
}

void RecordCheck::close(const statchan::Ledger& ledger, Tally& tally) const {
    if (!ledger.end_of_stream) throw Fault{"the ledger does not know that the stream has ended"};
    for (const auto& entry : ledger.cpus) close(entry, tally);
    if (!ledger.closes())
        throw Fault{"books do not close: the socket dropped " + number(ledger.socket_drops) + "; " +
                    text(ledger.total())};
    tally.checked_bytes += bytes_;
}

void check_counters(const statchan::SnapshotView& snapshot) {
    const auto generation = snapshot.generation();
    const auto counters = snapshot.counters();
    std::size_t index = 0;
    for (const auto& group : snapshot.schema().groups())
        for (std::uint32_t instance = 0; instance < group.instances; ++instance)
            for (const auto& field : group.fields) {
                const bool gauge = field.type == statchan::FieldType::gauge;
                const auto wanted = gauge ? statchan_synth_gauge(generation, index)
                                          : statchan_synth_counter(generation, index);
                if (counters[index] != wanted)
                    throw Fault{group.name + "/" + number(instance) + "/" + field.name +
                                " of generation " + number(generation) + " is " +
                                number(counters[index]) + ", not " + number(wanted)};
                ++index;
            }
    if (index != counters.size() || !snapshot.info().atomic || snapshot.info().torn)
        throw Fault{"snapshot of generation " + number(generation) + ": " +
                    number(counters.size()) + " counters, " + number(index) + " described"};
}

}  // namespace soak
