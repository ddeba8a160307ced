// SPDX-License-Identifier: MIT
//
// Accounts of a hostile kernel: struct statchan_ledger of several CPUs and legs, the positions of
// netlink messages, descriptions of channels, sources and transports, and what is printed of them.
//
// Input: which; structures as they lie in memory, or positions.
#include <linux/statchan.h>

#include <vector>

#include "abi.hpp"
#include "check.hpp"
#include "input.hpp"
#include "netlink/positions.hpp"

namespace {

using namespace statchan;
using namespace statchan::detail;
using fuzz::Input;
using fuzz::must;

template <class T>
T take_struct(Input& input) {
    const auto size = input.byte();
    // 0xff: all of it. Else an older kernel's, which is shorter.
    return copy_struct<T>(input.bytes(size == 0xff ? sizeof(T) : size));
}

StreamLedgerEntry entry_of(Input& input) {
    StreamLedgerEntry entry{to_ledger_entry(take_struct<statchan_ledger>(input))};
    entry.received = input.take<std::uint16_t>();
    entry.gaps = input.byte();
    entry.gap_records[input.byte() % lost_reasons] = input.take<std::uint64_t>();
    entry.unreported = input.byte();
    entry.accepted_before = input.byte();
    return entry;
}

Ledger ledger_of(Input& input) {
    Ledger ledger;
    for (auto cpus = input.byte() & 3U; cpus > 0; --cpus) ledger.cpus.push_back(entry_of(input));
    if ((input.byte() & 1U) != 0) ledger.socket_drops = input.take<std::uint32_t>();
    return ledger;
}

void check(const Ledger& ledger) {
    bool all = true;
    for (const auto& entry : ledger.cpus) {
        must(!entry.closes() || entry.adds_up(), "what closes adds up");
        must(!entry.closes() || entry.in_flight() == Count{0}, "what closes is at rest");
        must(entry.in_flight().has_value() == entry.accepted.has_value(),
             "what is in flight is known if what was accepted is");
        must(entry.lost_total() - entry.lost_before() ==
                 entry.lost[static_cast<std::size_t>(LostReason::socket_overrun)].value_or(0) +
                     entry.lost[static_cast<std::size_t>(LostReason::overwritten)].value_or(0),
             "a loss is before or after");
        all = all && entry.closes();
    }
    must(!ledger.closes() || all, "a ledger closes if its CPUs do");
}

void sums(Input& input) {
    auto sum = ledger_of(input);
    check(sum);
    for (int legs = 0; legs < 3 && !input.empty(); ++legs) {
        const auto leg = ledger_of(input);
        check(leg);
        const auto before = sum.total().received;
        const auto cpus = sum.cpus.size();
        sum += leg;
        must(sum.total().received == before + leg.total().received, "nothing is counted twice");
        must(sum.cpus.size() <= cpus + leg.cpus.size(), "a CPU has one account");
        check(sum);
    }
}

void positions(Input& input) {
    constexpr std::uint32_t cpus = 4;
    Positions positions{cpus};
    std::uint64_t lost[cpus]{};
    while (!input.empty()) {
        const auto what = input.byte();
        const std::uint32_t cpu = what >> 4U;
        const auto at = (what & 8U) != 0 ? input.take<std::uint64_t>() : input.byte();
        switch (what & 3U) {
            case 0:
                positions.joined_at(cpu, at, input.byte());
                break;
            case 1:
                if (cpu >= cpus) break;
                // As NetlinkStream, which refuses a position that would wrap.
                if (const auto count = input.take<std::uint32_t>(); at > ~0ULL - count)
                    break;
                else
                    lost[cpu] += positions.message(cpu, at, count);
                must(positions.message(cpu, at, 0) == 0, "a loss is told once");
                break;
            default:
                if (cpu >= cpus) break;
                lost[cpu] += positions.end(cpu, at);
                must(positions.end(cpu, at) == 0, "a loss at the end is told once");
        }
        if (cpu < cpus) static_cast<void>(positions.before(cpu) + positions.joined_seq(cpu));
    }
}

// Names end within their field; numbers come back as they were.
void structures(Input& input) {
    const auto source = to_source_info(take_struct<statchan_source_info>(input));
    must(source.name.size() <= STATCHAN_NAME_MAX && source.params.size() <= STATCHAN_PARAMS_MAX,
         "a text ends in its field");
    const auto raw = take_struct<statchan_channel_info>(input);
    const auto channel = to_channel_info(raw);
    must(!channel.transport.empty(), "a transport has a name");
    static_cast<void>(to_string(channel.kind));
    const auto config = from_config(channel.effective);
    must(config.buffer_size == raw.got.buffer_size && config.snaplen == raw.got.snaplen,
         "a configuration comes back");
    must(channel.effective.timeout.count() >= 0, "a timeout is not negative");
    const auto transport = to_transport_info(take_struct<statchan_transport_info>(input));
    must(transport.name.size() <= STATCHAN_NAME_MAX, "a name ends in its field");
    must(!to_string(transport.capabilities).empty(), "capabilities have words");
    static_cast<void>(
        check_version({.abi = input.take<std::uint32_t>(), .nr_cpus = input.byte()}, {}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    switch (input.byte() % 3) {
        case 0:
            sums(input);
            break;
        case 1:
            positions(input);
            break;
        default:
            structures(input);
    }
    return 0;
}
