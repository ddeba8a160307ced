// SPDX-License-Identifier: MIT
//
// read: read(2) and pread(2) of the device, as of a file. Records come as by ioctl; a snapshot is
// an image at offset 0.
#include <fcntl.h>
#include <linux/statchan.h>
#include <unistd.h>

#include <cerrno>
#include <tuple>
#include <utility>

#include "../buffer.hpp"
#include "../device_transport.hpp"
#include "../image.hpp"

namespace statchan::detail {
namespace {

class ReadStream final : public DeviceStream {
  public:
    ReadStream(const SourceRef& source, const ChannelConfig& config, DeviceChannel channel)
        : DeviceStream{"read", source, config, std::move(channel)}, buffer_{batch_bytes()} {}

  protected:
    [[nodiscard]] Result<Flow> collect() override;
    [[nodiscard]] bool announced() const noexcept override { return more_; }
    void give_back() noexcept override {}

  private:
    Buffer buffer_;
    bool more_ = false;  // the last read filled the buffer: the next need not wait
};

Result<StreamBackend::Flow> ReadStream::collect() {
    for (;;) {
        const auto room = buffer_.bytes();
        const auto got = ::read(fd(), room.data(), room.size());
        more_ = false;
        if (got == 0) return Flow::ended;
        if (got < 0) {
            if (errno == EAGAIN) return Flow::open;
            if (errno == EINTR) continue;
            if (errno == EMSGSIZE && room.size() < 2ULL * STATCHAN_SNAPLEN_MAX) {
                buffer_ = Buffer{2 * room.size()};
                continue;
            }
            return device().failed(errno, task());
        }
        const auto len = static_cast<std::size_t>(got);
        auto added = add_chunk(room.first(len));
        if (!added) return pass_on(std::move(added.error()));
        const auto largest = wire::padded(static_cast<std::uint32_t>(wire::sample_bytes) +
                                          identity().effective.snaplen);
        more_ = len + largest > room.size();
        return Flow::open;
    }
}

class Read final : public DeviceTransport {
  public:
    using DeviceTransport::DeviceTransport;

    Result<RawSnapshot> snapshot(const SourceRef& source, const SnapshotOptions& options) override;
    Result<std::unique_ptr<StreamBackend>> subscribe(const SourceRef& source,
                                                     const ChannelConfig& config,
                                                     std::uint32_t follows) override;

  private:
    Result<std::size_t> read_image_bytes(SnapshotChannel& channel, std::span<std::byte> room,
                                         Task task);
    SnapshotChannels channels_{STATCHAN_T_READ};
    Pool<Buffer> buffers_;
};

Result<std::unique_ptr<StreamBackend>> Read::subscribe(const SourceRef& source,
                                                       const ChannelConfig& config,
                                                       std::uint32_t follows) {
    const Task task{"subscribe over read to", source.name};
    auto channel = open_channel(device(), STATCHAN_T_READ, STATCHAN_CHANNEL_SAMPLES, source, config,
                                task, follows);
    if (!channel) return pass_on(std::move(channel.error()));
    // next() sleeps in poll, with its own timeout.
    if (::fcntl(channel->device.fd(), F_SETFL, O_RDWR | O_NONBLOCK) != 0)
        return fail_errno(errno, task);
    return std::make_unique<ReadStream>(source, config, std::move(*channel));
}

// Reads the image from its start; returns how many bytes there are.
Result<std::size_t> Read::read_image_bytes(SnapshotChannel& channel, std::span<std::byte> room,
                                           Task task) {
    std::size_t at = 0;
    while (at < room.size()) {
        const auto got = ::pread(channel.device.fd(), room.data() + at, room.size() - at,
                                 static_cast<::off_t>(at));
        if (got == 0) break;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return channels_.failed(channel, errno, task);
        at += static_cast<std::size_t>(got);
        // For the pieces that follow.
        if (at < room.size()) channel.holds = true;
    }
    return at;
}

Result<RawSnapshot> Read::snapshot(const SourceRef& source, const SnapshotOptions& options) {
    const Task task{"take snapshot over read of", source.name};
    // One call, unless there is something to say or to ask: then another one before, and one after.
    const bool chosen = options.digest || options.max_age.count() != 0 || options.generation != 0;
    auto channel = channels_.take(device(), source, task);
    if (!channel) return pass_on(std::move(channel.error()));
    auto& own = **channel;

    statchan_snapshot_req req{};
    req.len = image_bytes(source.n_counters);
    if (chosen) {
        req.source = source.id;
        req.flags = options.digest ? STATCHAN_GET_DIGEST : 0;
        req.max_age_ns = static_cast<std::uint64_t>(options.max_age.count());
        req.generation = options.generation;
        if (const int err = own.device.try_call(STATCHAN_IOC_SNAPSHOT_MAP, req); err != 0)
            return channels_.failed(own, err, task);
        own.holds = true;
        if (req.len > image_bytes(STATCHAN_COUNTERS_MAX))
            return fail_data(task, "its length makes no sense");
    }
    auto buffer = lend_buffer(buffers_, req.len);
    const auto len = read_image_bytes(own, buffer->bytes().first(req.len), task);
    if (!len) return pass_on(len.error());
    std::ignore = channels_.lend(std::move(*channel));  // idle at once: the bytes are ours
    RawSnapshot raw{.image = buffer->bytes().first(*len)};
    raw.memory = std::move(buffer);
    if (options.digest) raw.digest = req.digest;
    return raw;
}

}  // namespace

Result<std::unique_ptr<Transport>> open_read(const ClientOptions& options) {
    return open_device_transport<Read>(options);
}

}  // namespace statchan::detail
