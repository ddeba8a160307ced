// SPDX-License-Identifier: MIT
#pragma once

#include "control.hpp"
#include "device.hpp"

namespace statchan::detail {

/// Control operations by ioctl on the character device.
class DeviceControl final : public Control {
  public:
    explicit DeviceControl(const Device& device) noexcept : device_{device} {}

    Result<Version> version() override { return device_.version(); }
    Result<std::vector<TransportInfo>> transports() override;
    Result<std::vector<SourceInfo>> sources() override;
    Result<SourceInfo> source(std::string_view name) override;
    Result<void> add_source(std::string_view name, std::string_view kind,
                            std::string_view params) override;
    Result<void> remove_source(std::string_view name) override;
    Result<void> set_source(std::string_view name, std::string_view params) override;
    Result<std::vector<std::byte>> schema(std::uint32_t source, std::string_view name,
                                          std::uint64_t max_bytes) override;
    Result<std::vector<ChannelInfo>> channels() override;
    Result<std::vector<LedgerEntry>> ledger(std::uint32_t channel) override;

  private:
    const Device& device_;  // of the transport that owns this, too
};

/// The ledger of a channel, and its STATCHAN_CHAN_* flags. Channel 0: that of the descriptor.
struct KernelLedger {
    std::vector<LedgerEntry> cpus{};
    std::uint32_t flags = 0;
};
[[nodiscard]] Result<KernelLedger> read_ledger(const Device& device, std::uint32_t channel,
                                               Task task);

/// no_such_source instead of the errno, if that is what the errno means here.
[[nodiscard]] Fail source_failed(const Device& device, int err, Task task);

}  // namespace statchan::detail
