// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>
#include <string>

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

    /// Calls @p op, which asks for a source by the number that its caller remembers. A module that
    /// was loaded again gives the same numbers to others: @p id is believed only if the source of
    /// this name has it now, else errc::no_such_source.
    template <class Op>
    [[nodiscard]] auto by_id(std::uint32_t id, std::string_view name, Op op) -> decltype(op());

  private:
    template <class T, class Fn>
    Result<std::vector<T>> list(std::uint8_t cmd, Task task, Fn to_value);
    [[nodiscard]] Result<void> confirm(std::uint32_t id, std::string_view name);

    Link& link_;  // of the transport that owns this, too
    // What source() has found in a module that was loaded again; of the last of them.
    std::map<std::string, std::uint32_t, std::less<>> found_;
    unsigned found_in_ = 0;  // Link::reloads()
};

template <class Op>
auto NetlinkControl::by_id(std::uint32_t id, std::string_view name, Op op) -> decltype(op()) {
    for (bool again = true;; again = false) {
        const auto reloads = link_.reloads();
        if (auto sure = confirm(id, name); !sure) return pass_on(std::move(sure.error()));
        auto done = op();
        if (done || !again || done.error().code != errc::no_such_source) return done;
        // A link of op's own may have met another module: whether it is one, ours learns by asking.
        if (link_.reloads() == reloads) (void)version();
        if (link_.reloads() == reloads) return done;
    }
}

/// The ledger of a channel, and its STATCHAN_CHAN_* flags.
struct NetlinkLedger {
    std::vector<LedgerEntry> cpus{};
    std::uint32_t flags = 0;
};
[[nodiscard]] Result<NetlinkLedger> read_ledger(Link& link, std::uint32_t channel, Task task);

/// no_such_source instead of the errno, if that is what the errno means here.
[[nodiscard]] Fail source_failed(Error error);

}  // namespace statchan::detail
