// SPDX-License-Identifier: MIT
#include "accounting.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace statchan::detail {
namespace {

constexpr Task task{"read records"};

// Gaps of the library's own: each spans all that is missing, losses of the kernel's included.
bool self_reported(std::uint32_t reason) noexcept {
    switch (static_cast<LostReason>(reason)) {
        case LostReason::socket_overrun:
        case LostReason::overwritten:
        case LostReason::unreported:
            return true;
        default:
            return false;
    }
}

// Too small for its type is wrong however much of it is here; and so is too long for the buffer.
bool may_be_cut(const wire::Head& head, std::size_t room, std::size_t longest) noexcept {
    if (room < sizeof head) return true;
    return head.len >= wire::min_bytes(head.type) && wire::padded(head.len) <= longest;
}

}  // namespace

Result<Scan> Accounting::scan(Chunk chunk, const ScanLimits& limits) {
    Scan found;
    while (found.bytes < chunk.size() && found.bytes < limits.soft_bytes) {
        const auto* record = chunk.data() + found.bytes;
        const auto room = chunk.size() - found.bytes;
        const auto head = room >= sizeof(wire::Head) ? wire::load_head(record) : wire::Head{};
        if (!wire::plausible(head, room)) [[unlikely]] {
            if (room < limits.longest_cut && may_be_cut(head, room, limits.longest_cut)) break;
            return fail_data(task, fmt::format("record of type {} with length {} at {} of {} bytes",
                                               head.type, head.len, found.bytes, chunk.size()));
        }
        found.bytes += wire::padded(head.len);
        if (head.type != wire::type_sample && head.type != wire::type_lost) continue;
        if (head.cpu >= cpus_.size() || head.cpu != limits.cpu.value_or(head.cpu)) [[unlikely]]
            return fail_data(task, fmt::format("record of cpu {} where it can not be", head.cpu));
        if (head.type == wire::type_sample) {
            sample(cpus_[head.cpu], record);
            ++found.samples;
            follow(head.cpu, chunk, limits.soft_bytes, found);
        } else {
            if (!lost(cpus_[head.cpu], record))
                return fail_data(task, "record of a loss whose numbers contradict each other");
            ++found.gaps;
        }
    }
    return found;
}

// The samples of one CPU that follow on the last without a hole, which is mostly all there are:
// nothing is stored on the way.
void Accounting::follow(std::uint16_t cpu, Chunk chunk, std::size_t soft_bytes, Scan& found) {
    const auto step = step_;
    auto next = cpus_[cpu].next;
    auto bytes = found.bytes;
    std::size_t samples = 0;
    const auto stop = std::min(chunk.size(), soft_bytes);
    while (bytes < stop && chunk.size() - bytes >= wire::sample_bytes) {
        const auto* record = chunk.data() + bytes;
        const auto head = wire::load_head(record);
        if (head.type != wire::type_sample || head.cpu != cpu) break;
        if (!wire::plausible(head, chunk.size() - bytes)) break;
        if (wire::load<std::uint64_t>(record, 8) != next) break;
        bytes += wire::padded(head.len);
        next += step;
        ++samples;
    }
    cpus_[cpu].next = next;
    cpus_[cpu].received += samples;
    found.samples += samples;
    found.bytes = bytes;
}

void Accounting::sample(Cpu& cpu, const std::byte* record) {
    const auto seq = wire::load<std::uint64_t>(record, 8);
    ++cpu.received;
    if (seq != cpu.next || cpu.explained != 0) [[unlikely]]
        jump(cpu, seq);
    else
        cpu.next = seq + step_;
    cpu.begun = true;
}

// Any seq but the one that follows on the last: what is missing must have been explained.
void Accounting::jump(Cpu& cpu, std::uint64_t seq) const {
    if (!cpu.begun) {
        // The first: what was lost before it is in the kernel's ledger.
    } else if (seq < cpu.next) {
        ++cpu.out_of_order;
        return;
    } else {
        const auto missing = (seq - cpu.next) / step_;
        cpu.unexplained += missing - std::min(missing, cpu.explained);
    }
    cpu.explained = 0;
    cpu.next = seq + step_;
}

bool Accounting::lost(Cpu& cpu, const std::byte* record) const {
    const auto first = wire::load<std::uint64_t>(record, 8);
    const auto last = wire::load<std::uint64_t>(record, 16);
    const auto count = wire::load<std::uint64_t>(record, 24);
    const auto reason = wire::load<std::uint32_t>(record, 48);
    if (last < first || count - 1 > last - first) return false;
    ++cpu.gaps;
    if (reason < cpu.gap_records.size()) cpu.gap_records[reason] += count;
    if (reason == static_cast<std::uint32_t>(LostReason::unreported)) cpu.unreported += count;
    if (self_reported(reason)) {
        cpu.next = std::max(cpu.next, round_up(last + 1));
        cpu.explained = 0;
        cpu.begun = true;
    } else {
        if (!cpu.begun) cpu.next = round_up(first);
        cpu.begun = true;
        cpu.explained += count;
    }
    return true;
}

void Accounting::begin_at(std::uint32_t cpu, std::uint64_t seq) noexcept {
    cpus_[cpu].begun = true;
    cpus_[cpu].next = round_up(seq);
}

std::uint64_t Accounting::round_up(std::uint64_t seq) const noexcept {
    return (seq + step_ - 1) / step_ * step_;
}

std::optional<std::uint64_t> Accounting::expected(std::uint32_t cpu) const noexcept {
    if (cpu >= cpus_.size() || !cpus_[cpu].begun) return std::nullopt;
    const auto& c = cpus_[cpu];
    return c.next + c.explained * std::max<std::uint64_t>(step_, 1);
}

std::uint64_t Accounting::untold_before(std::uint32_t cpu, std::uint64_t seq) const noexcept {
    const auto from = expected(cpu);
    return from && seq > *from ? records_in(*from, seq - 1) : 0;
}

void Accounting::report(std::uint32_t cpu, StreamLedgerEntry& entry) const {
    if (cpu >= cpus_.size()) return;
    const auto& c = cpus_[cpu];
    entry.received = c.received;
    entry.gaps = c.gaps;
    entry.gap_records = c.gap_records;
    entry.unreported = c.unreported;
    entry.gaps_unexplained = c.unexplained;
    entry.out_of_order = c.out_of_order;
}

}  // namespace statchan::detail
