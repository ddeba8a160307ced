// SPDX-License-Identifier: MIT
//
// From the structures of <linux/statchan.h> to the library's own types and back. What comes
// from the kernel is not trusted to end its strings or to know only what we know.
#pragma once

#include <linux/statchan.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <statchan/ledger.hpp>
#include <statchan/types.hpp>
#include <string>
#include <string_view>

#include "fail.hpp"

namespace statchan::detail {

/// The module speaks our ABI, else both versions by name; and has a number of CPUs that arrays may
/// be sized by.
[[nodiscard]] Result<void> check_version(const Version& module, Task task);

/// Text of a fixed-size field, up to the first 0.
template <std::size_t N>
[[nodiscard]] std::string_view text(const char (&field)[N]) noexcept {
    const std::string_view all{field, N};
    return all.substr(0, all.find('\0'));
}

/// Copies a name to a fixed-size field; a failure if it does not fit with its 0.
[[nodiscard]] Result<void> put_name(std::span<char> field, std::string_view name, Task task);

/// A failure if the kernel would not take them: over netlink the length has 16 bits, too.
[[nodiscard]] Result<void> check_params(std::string_view params, Task task);

/// More CPUs no kernel has, and more sources or channels no memory: the list has no end.
inline constexpr std::size_t max_cpus = 65'536;
inline constexpr std::size_t max_listed = 1U << 20U;

/// Copies a struct out of bytes from elsewhere, whose alignment and length are unknown. What is
/// missing at the end reads as 0: the sender may be older.
template <class T>
[[nodiscard]] T copy_struct(std::span<const std::byte> bytes) noexcept {
    T value{};
    std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
    return value;
}

[[nodiscard]] SourceInfo to_source_info(const statchan_source_info& info);
[[nodiscard]] ChannelInfo to_channel_info(const statchan_channel_info& info);
[[nodiscard]] LedgerEntry to_ledger_entry(const statchan_ledger& ledger);
[[nodiscard]] TransportInfo to_transport_info(const statchan_transport_info& info);

[[nodiscard]] ChannelConfig to_config(const statchan_channel_config& config);
[[nodiscard]] statchan_channel_config from_config(const ChannelConfig& config);

/// STATCHAN_TIMEOUT_NEVER and `never` mean the same.
[[nodiscard]] nanoseconds to_timeout(std::uint64_t ns) noexcept;
[[nodiscard]] std::uint64_t from_timeout(nanoseconds timeout) noexcept;

}  // namespace statchan::detail
