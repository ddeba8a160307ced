// SPDX-License-Identifier: MIT
//
// ioctl: one system call copies a snapshot, or as many whole records of all CPUs as fit. The
// least that can be: no mapping, no socket, any kernel configuration.
#include <linux/statchan.h>

#include <cerrno>
#include <utility>

#include "../buffer.hpp"
#include "../device_transport.hpp"
#include "../image.hpp"

namespace statchan::detail {
namespace {

class IoctlStream final : public DeviceStream {
  public:
    IoctlStream(const SourceRef& source, const ChannelConfig& config, DeviceChannel channel)
        : DeviceStream{"ioctl", source, config, std::move(channel)}, buffer_{batch_bytes()} {}

  protected:
    [[nodiscard]] Result<Flow> collect() override;
    [[nodiscard]] bool announced() const noexcept override { return more_; }
    void give_back() noexcept override {}

  private:
    Buffer buffer_;
    bool more_ = false;  // the last read filled the buffer: the next need not wait
};

Result<StreamBackend::Flow> IoctlStream::collect() {
    for (;;) {
        statchan_read req{};
        req.buf = reinterpret_cast<std::uintptr_t>(buffer_.bytes().data());
        req.len = buffer_.size();
        more_ = false;
        const int err = device().try_call(STATCHAN_IOC_READ, req);
        if (err == EMSGSIZE && req.len > buffer_.size() && req.len <= 2ULL * STATCHAN_SNAPLEN_MAX) {
            buffer_ = Buffer{req.len};
            continue;
        }
        if (err != 0 && err != EAGAIN) return device().failed(err, task());
        const auto len = err == EAGAIN ? 0 : req.len;
        if (len > buffer_.size()) return fail_data(task(), "more was read than there was room");
        auto added = add_chunk(buffer_.bytes().first(len));
        if (!added) return pass_on(std::move(added.error()));
        const auto largest = wire::padded(static_cast<std::uint32_t>(wire::sample_bytes) +
                                          identity().effective.snaplen);
        more_ = len + largest > buffer_.size();
        return (req.flags & STATCHAN_CHAN_EOS) != 0 ? Flow::ended : Flow::open;
    }
}

class Ioctl final : public DeviceTransport {
  public:
    using DeviceTransport::DeviceTransport;

    Result<RawSnapshot> snapshot(const SourceRef& source, const SnapshotOptions& options) override;
    Result<std::unique_ptr<StreamBackend>> subscribe(const SourceRef& source,
                                                     const ChannelConfig& config,
                                                     std::uint32_t follows) override {
        auto channel = open_channel(device(), STATCHAN_T_IOCTL, STATCHAN_CHANNEL_SAMPLES, source,
                                    config, {"subscribe over ioctl to", source.name}, follows);
        if (!channel) return pass_on(std::move(channel.error()));
        return std::make_unique<IoctlStream>(source, config, std::move(*channel));
    }

  private:
    Pool<Buffer> buffers_;
};

Result<RawSnapshot> Ioctl::snapshot(const SourceRef& source, const SnapshotOptions& options) {
    const Task task{"take snapshot over ioctl of", source.name};
    auto bytes = image_bytes(source.n_counters);
    for (int attempt = 0; attempt < 4; ++attempt) {
        auto buffer = lend_buffer(buffers_, bytes);
        statchan_snapshot_req req{};
        req.source = source.id;
        req.flags = options.digest ? STATCHAN_GET_DIGEST : 0;
        req.max_age_ns = static_cast<std::uint64_t>(options.max_age.count());
        req.generation = options.generation;
        req.buf = reinterpret_cast<std::uintptr_t>(buffer->bytes().data());
        req.len = buffer->size();
        const int err = device().try_call(STATCHAN_IOC_SNAPSHOT, req);
        if (err == EMSGSIZE && req.len > buffer->size() &&
            req.len <= image_bytes(STATCHAN_COUNTERS_MAX)) {
            bytes = req.len;
            continue;
        }
        if (err != 0) return source_failed(device(), err, task);
        if (req.len > buffer->size()) return fail_data(task, "more came than there was room");
        RawSnapshot raw{.image = buffer->bytes().first(req.len)};
        raw.memory = std::move(buffer);
        if (options.digest) raw.digest = req.digest;
        return raw;
    }
    return fail_data(task, "its length does not stop growing");
}

}  // namespace

Result<std::unique_ptr<Transport>> open_ioctl(const ClientOptions& options) {
    return open_device_transport<Ioctl>(options);
}

}  // namespace statchan::detail
