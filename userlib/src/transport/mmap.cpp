// SPDX-License-Identifier: MIT
//
// mmap: the program reads the kernel's own memory. Snapshots are mapped pages, samples lie in
// one ring per CPU, a live snapshot needs no system call at all.
#include <linux/statchan.h>

#include <system_error>
#include <utility>
#include <vector>

#include "../buffer.hpp"
#include "../device_transport.hpp"
#include "../image.hpp"
#include "../ring.hpp"

namespace statchan::detail {
namespace {

class MmapStream final : public DeviceStream {
  public:
    [[nodiscard]] static Result<std::unique_ptr<StreamBackend>> make(const SourceRef& source,
                                                                     const ChannelConfig& config,
                                                                     DeviceChannel channel);

  protected:
    using DeviceStream::DeviceStream;
    [[nodiscard]] Result<Flow> collect() override;
    [[nodiscard]] bool announced() const noexcept override;
    void give_back() noexcept override;

  private:
    [[nodiscard]] Result<void> map_rings();
    [[nodiscard]] Result<void> collect_ring(Ring& ring);
    [[nodiscard]] Result<void> collect_copy(std::size_t at);

    std::vector<Mapping> mappings_;
    std::vector<Ring> rings_;
    // Mode overwrite: of each ring, by its place in rings_.
    std::vector<Buffer> copies_;
    std::vector<std::uint64_t> pending_lost_{};  // what is to be told before the next record
    std::size_t turn_ = 0;                       // the ring that comes first next time
};

Result<std::unique_ptr<StreamBackend>> MmapStream::make(const SourceRef& source,
                                                        const ChannelConfig& config,
                                                        DeviceChannel channel) {
    std::unique_ptr<MmapStream> stream{new MmapStream{"mmap", source, config, std::move(channel)}};
    if (auto mapped = stream->map_rings(); !mapped) return pass_on(std::move(mapped.error()));
    return stream;
}

Result<void> MmapStream::map_rings() {
    const auto map_task = task("map the rings of");
    const auto layout = RingLayout::make(answer(), map_task);
    if (!layout) return pass_on(layout.error());
    for (std::uint32_t cpu = 0; cpu < answer().nr_cpus; ++cpu) {
        const auto at = layout->offset_of(cpu);
        auto consumer = device().map(at, layout->page, true, map_task);
        // A CPU that is not possible has no ring.
        if (!consumer && consumer.error().is(std::errc::invalid_argument)) continue;
        if (!consumer) return pass_on(std::move(consumer.error()));
        auto producer =
            device().map(at + layout->page, layout->page + 2 * layout->data, false, map_task);
        if (!producer) return pass_on(std::move(producer.error()));
        rings_.emplace_back(*layout, cpu, consumer->data(), producer->data());
        mappings_.push_back(std::move(*consumer));
        mappings_.push_back(std::move(*producer));
        if (identity().effective.mode == Mode::overwrite) copies_.emplace_back(batch_bytes());
    }
    if (rings_.empty()) return fail_data(map_task, "no CPU has one");
    pending_lost_.resize(rings_.size());
    return {};
}

bool MmapStream::announced() const noexcept {
    for (const auto& ring : rings_)
        if (ring.announced()) return true;
    return false;
}

Result<StreamBackend::Flow> MmapStream::collect() {
    std::size_t drained = 0;
    for (std::size_t i = 0, at = turn_; i < rings_.size(); ++i) {
        auto& ring = rings_[at];
        // Before head: a ring that has ended writes no more, so then head is the last.
        const bool ended = ring.ended();
        auto done = copies_.empty() ? collect_ring(ring) : collect_copy(at);
        if (!done) return pass_on(std::move(done.error()));
        if (ended && ring.drained()) ++drained;
        if (++at == rings_.size()) at = 0;
    }
    if (++turn_ >= rings_.size()) turn_ = 0;
    return drained == rings_.size() ? Flow::ended : Flow::open;
}

// In place: the bytes stay until give_back() moves the consumer position.
Result<void> MmapStream::collect_ring(Ring& ring) {
    auto bytes = ring.readable(task());
    if (!bytes) return pass_on(std::move(bytes.error()));
    if (bytes->empty()) return {};
    auto added = add_chunk(*bytes, {.cpu = ring.cpu(), .soft_bytes = batch_bytes()});
    if (!added) return pass_on(std::move(added.error()));
    ring.take(*added);
    return {};
}

// What is in the ring may be overwritten at any time, so the batch is of copies.
Result<void> MmapStream::collect_copy(std::size_t at) {
    auto& ring = rings_[at];
    const auto room = copies_[at].bytes();
    auto copied = ring.copy(room, task());
    if (!copied) return pass_on(std::move(copied.error()));
    const auto& [bytes, lost] = *copied;
    pending_lost_[at] += lost;
    if (bytes.empty()) return {};
    auto told = add_gap_before(ring.cpu(), std::exchange(pending_lost_[at], 0),
                               LostReason::overwritten, bytes);
    if (!told) return told;
    const auto before = samples();
    auto added = add_chunk(bytes, {.cpu = ring.cpu(), .longest_cut = room.size()});
    if (!added) return pass_on(std::move(added.error()));
    ring.take(*added, samples() - before);
    return {};
}

void MmapStream::give_back() noexcept {
    for (auto& ring : rings_) ring.give_back();
}

class Mmap final : public DeviceTransport {
  public:
    using DeviceTransport::DeviceTransport;

    Result<RawSnapshot> snapshot(const SourceRef& source, const SnapshotOptions& options) override;
    Result<std::unique_ptr<LiveBackend>> live(const SourceRef& source,
                                              std::shared_ptr<const Schema> schema,
                                              nanoseconds period) override;
    Result<std::unique_ptr<StreamBackend>> subscribe(const SourceRef& source,
                                                     const ChannelConfig& config,
                                                     std::uint32_t follows) override {
        auto channel = open_channel(device(), STATCHAN_T_MMAP, STATCHAN_CHANNEL_SAMPLES, source,
                                    config, {"subscribe over mmap to", source.name}, follows);
        if (!channel) return pass_on(std::move(channel.error()));
        return MmapStream::make(source, config, std::move(*channel));
    }

  private:
    SnapshotChannels channels_{STATCHAN_T_MMAP};
};

Result<RawSnapshot> Mmap::snapshot(const SourceRef& source, const SnapshotOptions& options) {
    const Task task{"take snapshot over mmap of", source.name};
    auto channel = channels_.take(device(), source, task);
    if (!channel) return pass_on(std::move(channel.error()));
    const auto& own = (*channel)->device;

    statchan_snapshot_req req{};
    req.source = source.id;
    req.flags = options.digest ? STATCHAN_GET_DIGEST : 0;
    req.max_age_ns = static_cast<std::uint64_t>(options.max_age.count());
    req.generation = options.generation;
    if (const int err = own.try_call(STATCHAN_IOC_SNAPSHOT_MAP, req); err != 0)
        return channels_.failed(**channel, err, task);
    (*channel)->holds = true;
    if (req.len > image_bytes(STATCHAN_COUNTERS_MAX))
        return fail_data(task, "its length makes no sense");

    auto& mappings = (*channel)->mappings;
    auto at = mappings.find(req.offset);
    if (at == mappings.end() || at->second.size() < req.len) {
        if (at != mappings.end()) mappings.erase(at);
        auto mapping = own.map(req.offset, req.len, false, task);
        if (!mapping) return pass_on(std::move(mapping.error()));
        at = mappings.emplace(req.offset, std::move(*mapping)).first;
    }
    RawSnapshot raw{.image = at->second.bytes().first(req.len),
                    .memory = channels_.lend(std::move(*channel))};
    if (options.digest) raw.digest = req.digest;
    return raw;
}

Result<std::unique_ptr<LiveBackend>> Mmap::live(const SourceRef& source,
                                                std::shared_ptr<const Schema> schema,
                                                nanoseconds period) {
    const Task task{"open a live snapshot of", source.name};
    auto opened = open_channel(device(), STATCHAN_T_MMAP, STATCHAN_CHANNEL_LIVE, source,
                               {.period = period}, task);
    if (!opened) return pass_on(std::move(opened.error()));
    if (opened->answer.map_len > 3 * image_bytes(STATCHAN_COUNTERS_MAX))
        return fail_data(task, "its length makes no sense");
    auto mapping = opened->device.map(STATCHAN_MMAP_LIVE, opened->answer.map_len, false, task);
    if (!mapping) return pass_on(std::move(mapping.error()));
    struct Memory {
        Device device;  // the channel lives as long as its descriptor
        Mapping mapping;
    };
    const std::shared_ptr<Memory> memory{
        new Memory{std::move(opened->device), std::move(*mapping)}};
    const auto bytes = memory->mapping.bytes();
    return LiveBackend::make(bytes, memory, std::move(schema), std::string{source.name});
}

}  // namespace

Result<std::unique_ptr<Transport>> open_mmap(const ClientOptions& options) {
    return open_device_transport<Mmap>(options);
}

}  // namespace statchan::detail
