// SPDX-License-Identifier: MIT
//
// The table of transports; docs/architecture.md says what else a new one needs.
#include <array>
#include <string>

#include "transport.hpp"

namespace statchan {
namespace detail {
namespace {

using enum Capability;

// What each can do together with its half in the kernel; the tests compare the two.
constexpr std::array<TransportEntry, 8> table{{
    {"ioctl", snapshot | samples, open_ioctl},
    {"read", snapshot | samples, open_read},
    {"procfs", snapshot, open_procfs},
    {"netlink", snapshot | samples | events | multicast, open_netlink},
    {"netlink-nl", snapshot | samples | events | multicast, open_netlink_nl},
    {"relay", samples | files | overwrite, open_relay},
    {"mmap", snapshot | live | samples | zerocopy | overwrite, open_mmap},
    {"bpf", samples | zerocopy, open_bpf, bpf_unusable},
}};

}  // namespace

std::span<const TransportEntry> transport_table() noexcept { return table; }

std::string transports_with(Capability capability) {
    std::string names;
    for (const auto& entry : table) {
        if (!entry.capabilities.has(capability)) continue;
        if (!names.empty()) names += ", ";
        names += entry.name;
    }
    return names;
}

}  // namespace detail

std::vector<TransportInfo> transports() {
    std::vector<TransportInfo> list;
    for (const auto& entry : detail::transport_table())
        list.push_back({entry.name, entry.capabilities,
                        entry.unusable != nullptr ? entry.unusable() : std::string{}});
    return list;
}

}  // namespace statchan
