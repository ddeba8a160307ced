// SPDX-License-Identifier: MIT
#pragma once

#include <statchan/export.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <tl/expected.hpp>
#include <type_traits>

namespace statchan {

/// Failures that statchan itself knows. What only the kernel knows arrives as the errno it
/// gave, in std::generic_category (compare with std::errc).
enum class errc {
    module_not_loaded = 1,  ///< no device, no netlink family
    permission_denied,      ///< CAP_NET_ADMIN or the rights of the device are missing
    abi_mismatch,           ///< library and module speak different versions
    unknown_transport,      ///< no transport of this name in the library
    not_supported,          ///< the chosen transport can not do this
    no_such_source,         ///< no source of this name in this network namespace
    no_such_counter,        ///< no group, instance or field of this name in the schema
    stale_generation,       ///< the snapshot asked for by generation is gone
    end_of_stream,          ///< the source is gone and every accepted record was delivered
    bad_data,               ///< the other side sent bytes that break the protocol
    torn,                   ///< a live snapshot changed under every attempt to read it
    interrupted_dump,       ///< the kernel's list changed under every attempt to dump it
};

/// The category of errc, named "statchan".
STATCHAN_API const std::error_category& category() noexcept;

inline std::error_code make_error_code(errc e) noexcept {
    return {static_cast<int>(e), category()};
}

/// A failure, told so that a person can act on it. A value: copy it, store it, print it.
struct STATCHAN_API Error {
    std::error_code code;   ///< for programs
    std::string doing{};    ///< what was being done to which object: "open channel on 'eth0'"
    std::string reason{};   ///< why not; the kernel's own sentence where there is one
    std::string way_out{};  ///< what to do about it; may be empty

    /// "doing: reason; way_out", one line without a full stop.
    [[nodiscard]] std::string message() const;

    /// The failure is @p condition, whatever words it came in: errc::permission_denied is
    /// std::errc::operation_not_permitted and permission_denied, errc::no_such_source is
    /// no_such_file_or_directory and no_such_device.
    [[nodiscard]] bool is(std::error_code condition) const noexcept { return code == condition; }
    [[nodiscard]] bool is(std::errc condition) const noexcept { return code == condition; }

    friend bool operator==(const Error& a, errc b) noexcept { return a.code == make_error_code(b); }
};

/// What a function that can be expected to fail returns.
template <class T>
using Result = tl::expected<T, Error>;

}  // namespace statchan

template <>
struct std::is_error_code_enum<statchan::errc> : std::true_type {};
