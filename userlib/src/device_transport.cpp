// SPDX-License-Identifier: MIT
#include "device_transport.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include "abi.hpp"

namespace statchan::detail {
namespace {

StreamIdentity identify(std::string_view transport, const SourceRef& source,
                        const ChannelConfig& config, const statchan_channel_req& answer) {
    StreamIdentity identity{.transport = transport,
                            .source = std::string{source.name},
                            .channel = answer.id,
                            .nr_cpus = answer.nr_cpus,
                            .requested = config,
                            .effective = to_config(answer.got),
                            .step = answer.step};
    identity.effective.batch_bytes = effective_batch_bytes(config, answer.got.snaplen);
    return identity;
}

}  // namespace

Result<DeviceChannel> open_channel(const Device& device, std::uint32_t transport,
                                   std::uint32_t kind, const SourceRef& source,
                                   const ChannelConfig& config, Task task, std::uint32_t follows,
                                   std::uint64_t key) {
    auto own = device.again();
    if (!own) return pass_on(std::move(own.error()));
    DeviceChannel channel{std::move(*own), {}};
    auto& req = channel.answer;
    req.source = source.id;
    req.transport = transport;
    req.kind = kind;
    req.want = from_config(config);
    req.follows = follows;
    req.key = key;
    if (const int err = channel.device.try_call(STATCHAN_IOC_CHANNEL_OPEN, req); err != 0)
        return source_failed(channel.device, err, task);
    // The number of CPUs sizes arrays and the snaplen buffers: see that they make sense.
    if (kind == STATCHAN_CHANNEL_SAMPLES &&
        (req.nr_cpus == 0 || req.nr_cpus > 65536 || req.got.snaplen > STATCHAN_SNAPLEN_MAX))
        return fail_data(task, "the kernel's answer makes no sense");
    return channel;
}

// In a forked child the descriptor is the parent's, too, and so is what it holds.
bool SnapshotChannel::rest() noexcept {
    if (!holds) return true;
    if (process == 0 || process != own_process()) return false;
    statchan_snapshot_req req{};
    req.flags = STATCHAN_LET_GO;
    // A module older than this can not: then the channel is closed.
    if (device.try_call(STATCHAN_IOC_SNAPSHOT_MAP, req) != 0) return false;
    holds = false;
    return true;
}

// Not by a forked child: it would read what its parent has chosen, and the mappings are not there.
Result<std::unique_ptr<SnapshotChannel>> SnapshotChannels::take(const Device& device,
                                                                const SourceRef& source,
                                                                Task task) {
    if (auto idle = idle_.take([&](const SnapshotChannel& channel) {
            return channel.source == source.id && channel.process == own_process();
        }))
        return idle;
    auto opened = open_channel(device, transport_, STATCHAN_CHANNEL_SNAPSHOT, source, {}, task);
    if (!opened) return pass_on(std::move(opened.error()));
    return std::make_unique<SnapshotChannel>(
        SnapshotChannel{.device = std::move(opened->device), .source = source.id});
}

Fail SnapshotChannels::failed(const SnapshotChannel& channel, int err, Task task) {
    auto failure = source_failed(channel.device, err, task);
    if (failure.value() == errc::no_such_source)
        idle_.forget([&](const SnapshotChannel& idle) { return idle.source == channel.source; });
    return failure;
}

DeviceStream::DeviceStream(std::string_view transport, const SourceRef& source,
                           const ChannelConfig& config, DeviceChannel channel)
    : StreamBackend{identify(transport, source, config, channel.answer)},
      device_{std::move(channel.device)},
      answer_{channel.answer} {}

Result<void> DeviceStream::stop() {
    statchan_channel_run run{};
    return device_.call(STATCHAN_IOC_CHANNEL_STOP, run, task("stop the stream of"));
}

Result<void> DeviceStream::start() {
    const auto start_task = task("switch the transport of");
    statchan_channel_run run{};
    if (const int err = device_.try_call(STATCHAN_IOC_CHANNEL_START, run); err == ENODEV)
        return source_failed(device_, err, start_task);
    else if (err != 0)
        return device_.failed(err, start_task);
    return {};
}

Result<Ledger> DeviceStream::kernel_ledger() {
    auto read = read_ledger(device_, 0, task("read the ledger of"));
    if (!read) return pass_on(std::move(read.error()));
    Ledger ledger{.end_of_stream = (read->flags & STATCHAN_CHAN_EOS) != 0};
    for (const auto& entry : read->cpus) ledger.cpus.push_back({entry});
    return ledger;
}

}  // namespace statchan::detail
