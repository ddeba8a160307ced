// SPDX-License-Identifier: MIT
#pragma once

#include "../control.hpp"
#include "link.hpp"

namespace statchan::detail {

/// Control operations by generic netlink.
class NetlinkControl final : public Control {
  public:
    explicit NetlinkControl(Link& link) noexcept : link_{link} {}

    Result<Version> version() override;
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
    template <class T, class Fn>
    Result<std::vector<T>> list(std::uint8_t cmd, Task task, Fn to_value);

    Link& link_;  // of the transport that owns this, too
};

/// The ledger of a channel, and its STATCHAN_CHAN_* flags.
struct NetlinkLedger {
    std::vector<LedgerEntry> cpus{};
    std::uint32_t flags = 0;
};
[[nodiscard]] Result<NetlinkLedger> read_ledger(Link& link, std::uint32_t channel, Task task);

/// no_such_source instead of the errno, if that is what the errno means here.
[[nodiscard]] Fail source_failed(Error error);

}  // namespace statchan::detail
