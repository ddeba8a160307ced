// SPDX-License-Identifier: MIT
#include "measure/own_source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <statchan/client.hpp>

namespace statctl::measure {

statchan::Result<std::string> OwnSource::with(std::uint64_t bytes) {
    if (!name_.empty() && bytes == bytes_) return name_;
    drop();
    auto client = statchan::Client::open({.transport = "ioctl"});
    if (!client) return tl::unexpected(std::move(client.error()));
    const auto name = fmt::format("compare{}", ::getpid());
    const auto counters = std::max<std::uint64_t>(bytes / 8, 8);
    const auto fields = std::min<std::uint64_t>(counters, 512);
    auto added = client->add_source(
        name, "synth", fmt::format("run=0 queues=0 ports={} fields={}", counters / fields, fields));
    if (!added) return tl::unexpected(std::move(added.error()));
    name_ = name;
    bytes_ = bytes;
    return name_;
}

void OwnSource::drop() {
    if (name_.empty()) return;
    if (auto client = statchan::Client::open({.transport = "ioctl"}))
        (void)client->remove_source(name_);
    name_.clear();
}

}  // namespace statctl::measure
