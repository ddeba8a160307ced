// SPDX-License-Identifier: MIT
//
// What the transports that use the character device have in common.
#pragma once

#include <linux/statchan.h>

#include <memory>
#include <string_view>

#include "device.hpp"
#include "device_control.hpp"
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

/// Makes a device transport of class T.
template <class T>
[[nodiscard]] Result<std::unique_ptr<Transport>> open_device_transport(
    const ClientOptions& options) {
    auto device = Device::open(options.device);
    if (!device) return pass_on(std::move(device.error()));
    return std::make_unique<T>(std::move(*device));
}

}  // namespace statchan::detail
