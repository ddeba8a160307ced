// SPDX-License-Identifier: MIT
#include "transport.hpp"

#include "netlink/events.hpp"
#include "netlink/transport.hpp"

namespace statchan::detail {
namespace {

// The table promised what the class does not do: a fault of this library.
Fail unexpected(std::string_view verb, std::string_view source) {
    return fail(errc::not_supported, {verb, source}, "this transport can not");
}

}  // namespace

Result<RawSnapshot> Transport::snapshot(const SourceRef& source, const SnapshotOptions&) {
    return unexpected("take snapshot of", source.name);
}

// NOLINTBEGIN(performance-unnecessary-value-param): a class that can keeps the schema
Result<std::unique_ptr<LiveBackend>> Transport::live(const SourceRef& source,
                                                     std::shared_ptr<const Schema>, nanoseconds) {
    return unexpected("open a live snapshot of", source.name);
}
// NOLINTEND(performance-unnecessary-value-param)

Result<std::unique_ptr<StreamBackend>> Transport::subscribe(const SourceRef& source,
                                                            const ChannelConfig&, std::uint32_t) {
    return unexpected("subscribe to", source.name);
}

Result<std::unique_ptr<EventBackend>> Transport::events() {
    return open_netlink_events(open_mnl_socket);
}

}  // namespace statchan::detail
