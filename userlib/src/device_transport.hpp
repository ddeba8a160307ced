// SPDX-License-Identifier: MIT
//
// What the transports that use the character device have in common.
#pragma once

#include <linux/statchan.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "device.hpp"
#include "device_control.hpp"
#include "own_process.hpp"
#include "pool.hpp"
#include "transport.hpp"

namespace statchan::detail {

/// A transport whose control operations go through the character device.
class DeviceTransport : public Transport {
  public:
    explicit DeviceTransport(Device device) noexcept : device_{std::move(device)} {}
    DeviceTransport(const DeviceTransport&) = delete;
    DeviceTransport& operator=(const DeviceTransport&) = delete;

    Control& control() override { return control_; }

  protected:
    [[nodiscard]] const Device& device() const noexcept { return device_; }

  private:
    Device device_;
    DeviceControl control_{device_};
};

/// A channel and the descriptor that it lives with.
struct DeviceChannel {
    Device device;
    statchan_channel_req answer;
};

/// Opens a channel on a descriptor of its own. @p transport and @p kind are the header's numbers,
/// @p follows the channel that it continues, or 0. @p key: bpf, what its program knows it by.
[[nodiscard]] Result<DeviceChannel> open_channel(const Device& device, std::uint32_t transport,
                                                 std::uint32_t kind, const SourceRef& source,
                                                 const ChannelConfig& config, Task task,
                                                 std::uint32_t follows = 0, std::uint64_t key = 0);

/// A stream of a channel that was opened through the character device.
class DeviceStream : public StreamBackend {
  public:
    DeviceStream(std::string_view transport, const SourceRef& source, const ChannelConfig& config,
                 DeviceChannel channel);
    [[nodiscard]] int fd() const noexcept override { return device_.fd(); }
    [[nodiscard]] Result<void> stop() override;
    [[nodiscard]] Result<void> start() override;

  protected:
    [[nodiscard]] Result<Ledger> kernel_ledger() override;
    [[nodiscard]] const Device& device() const noexcept { return device_; }
    /// What the kernel answered to the open.
    [[nodiscard]] const statchan_channel_req& answer() const noexcept { return answer_; }

  private:
    Device device_;
    statchan_channel_req answer_;
};

/// A channel of snapshots. Its descriptor holds one generation at a time, which keeps a slot of the
/// kernel's from all others. So each Snapshot that lies there has a channel of its own, and one
/// that is idle holds none; see pool.hpp.
struct SnapshotChannel {
    Device device;
    std::uint32_t source;
    std::uint64_t process = own_process();
    bool holds = false;  ///< a generation, since it was last idle
    /// mmap: by offset, which names memory that stays.
    std::map<std::uint64_t, Mapping> mappings{};

    [[nodiscard]] bool alike(const SnapshotChannel& other) const noexcept {
        return source == other.source && process == other.process;
    }
    /// Lets go of the generation; false where only the end of the channel does.
    [[nodiscard]] bool rest() noexcept;
};

/// Those of one transport and client.
class SnapshotChannels {
  public:
    explicit SnapshotChannels(std::uint32_t transport) noexcept : transport_{transport} {}

    /// An idle one, or a new one.
    [[nodiscard]] Result<std::unique_ptr<SnapshotChannel>> take(const Device& device,
                                                                const SourceRef& source, Task task);
    /// It goes with the snapshot.
    [[nodiscard]] std::shared_ptr<SnapshotChannel> lend(std::unique_ptr<SnapshotChannel> channel) {
        return idle_.lend(std::move(channel));
    }
    /// The Error for what a call on a channel returned. If its source is gone, so are all its
    /// channels.
    [[nodiscard]] Fail failed(const SnapshotChannel& channel, int err, Task task);

  private:
    std::uint32_t transport_;
    Pool<SnapshotChannel> idle_;
};

/// Makes a device transport of class T.
template <class T>
[[nodiscard]] Result<std::unique_ptr<Transport>> open_device_transport(
    const ClientOptions& options) {
    auto device = Device::open(options.device);
    if (!device) return pass_on(std::move(device.error()));
    return std::make_unique<T>(std::move(*device));
}

}  // namespace statchan::detail
