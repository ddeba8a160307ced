// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <statchan/error.hpp>
#include <statchan/ledger.hpp>
#include <statchan/types.hpp>
#include <string_view>
#include <vector>

namespace statchan::detail {

/// The control operations, over one of the kernel's two front ends. Every function fails with
/// an Error that names what was being done, and makes at least one system call.
class Control {
  public:
    virtual ~Control() = default;

    virtual Result<Version> version() = 0;
    virtual Result<std::vector<TransportInfo>> transports() = 0;
    virtual Result<std::vector<SourceInfo>> sources() = 0;
    /// errc::no_such_source.
    virtual Result<SourceInfo> source(std::string_view name) = 0;
    virtual Result<void> add_source(std::string_view name, std::string_view kind,
                                    std::string_view params) = 0;
    virtual Result<void> remove_source(std::string_view name) = 0;
    virtual Result<void> set_source(std::string_view name, std::string_view params) = 0;
    /// The blob, unchecked but for its length. @p name is for errors only.
    virtual Result<std::vector<std::byte>> schema(std::uint32_t source, std::string_view name,
                                                  std::uint64_t max_bytes) = 0;
    virtual Result<std::vector<ChannelInfo>> channels() = 0;
    virtual Result<std::vector<LedgerEntry>> ledger(std::uint32_t channel) = 0;
};

}  // namespace statchan::detail
