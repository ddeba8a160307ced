// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <linux/statchan.h>

#include <array>
#include <statchan/event.hpp>
#include <statchan/ledger.hpp>
#include <statchan/record.hpp>
#include <statchan/schema.hpp>
#include <statchan/types.hpp>

namespace statchan {
namespace {

constexpr std::array all_capabilities{
    Capability::snapshot,  Capability::live,     Capability::samples,   Capability::events,
    Capability::multicast, Capability::zerocopy, Capability::overwrite, Capability::files};

}  // namespace

std::uint32_t abi_version() noexcept { return STATCHAN_ABI; }

std::string_view library_version() noexcept { return STATCHAN_LIBRARY_VERSION; }

std::string_view to_string(Capability c) noexcept {
    switch (c) {
        case Capability::snapshot:
            return "snapshot";
        case Capability::live:
            return "live";
        case Capability::samples:
            return "samples";
        case Capability::events:
            return "events";
        case Capability::multicast:
            return "multicast";
        case Capability::zerocopy:
            return "zerocopy";
        case Capability::overwrite:
            return "overwrite";
        case Capability::files:
            return "files";
    }
    return "unknown";
}

std::string to_string(Capabilities c) {
    std::string text;
    for (const auto one : all_capabilities) {
        if (!c.has(one)) continue;
        if (!text.empty()) text += ", ";
        text += to_string(one);
    }
    return text.empty() ? "none" : text;
}

std::string_view to_string(Mode m) noexcept {
    return m == Mode::overwrite ? "overwrite" : "discard";
}

std::string_view to_string(ChannelKind k) noexcept {
    switch (k) {
        case ChannelKind::samples:
            return "samples";
        case ChannelKind::snapshot:
            return "snapshot";
        case ChannelKind::live:
            return "live";
    }
    return "unknown";
}

std::string_view to_string(FieldType t) noexcept {
    return t == FieldType::gauge ? "gauge" : "counter";
}

std::string_view to_string(Unit u) noexcept {
    switch (u) {
        case Unit::none:
            return "";
        case Unit::packets:
            return "packets";
        case Unit::bytes:
            return "bytes";
        case Unit::events:
            return "events";
        case Unit::ns:
            return "ns";
    }
    return "";
}

std::string to_string(LostReason r) {
    switch (r) {
        case LostReason::ring_full:
            return "ring_full";
        case LostReason::no_memory:
            return "no_memory";
        case LostReason::oversize:
            return "oversize";
        case LostReason::socket_overrun:
            return "socket_overrun";
        case LostReason::consumer_gone:
            return "consumer_gone";
        case LostReason::overwritten:
            return "overwritten";
        case LostReason::injected:
            return "injected";
        case LostReason::unreported:
            return "unreported";
    }
    return fmt::format("reason_{}", static_cast<std::uint32_t>(r));
}

std::string to_string(EventType t) {
    switch (t) {
        case EventType::overrun:
            return "overrun";
        case EventType::source_added:
            return "source_added";
        case EventType::source_gone:
            return "source_gone";
        case EventType::source_changed:
            return "source_changed";
        case EventType::channel_opened:
            return "channel_opened";
        case EventType::channel_closed:
            return "channel_closed";
        case EventType::threshold:
            return "threshold";
    }
    return fmt::format("event_{}", static_cast<std::uint32_t>(t));
}

std::string to_string(const Gap& gap) {
    return fmt::format("cpu {}: {} records lost, seq {}..{}, reason {}", gap.cpu, gap.count,
                       gap.first_seq, gap.last_seq, to_string(gap.reason));
}

}  // namespace statchan
