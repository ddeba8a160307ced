// SPDX-License-Identifier: MIT
//
// The one place where errno and the kernel's sentences become Error.
#pragma once

#include <statchan/error.hpp>
#include <string>
#include <string_view>

namespace statchan::detail {

/// What is being done to which object, put into words only if it fails.
struct Task {
    std::string_view verb{};       ///< "take snapshot of"
    std::string_view object = {};  ///< "eth0"; empty: the verb says all

    [[nodiscard]] std::string text() const;
};

using Fail = tl::unexpected<Error>;

/// A failure that statchan knows.
[[nodiscard]] Fail fail(errc code, Task task, std::string reason, std::string way_out = {});

/// The kernel or the C library failed with @p err (a positive errno). @p sentence is what the
/// kernel said about it, if anything.
[[nodiscard]] Fail fail_errno(int err, Task task, std::string_view sentence = {});

/// The other side broke the protocol.
[[nodiscard]] Fail fail_data(Task task, std::string reason);

/// Hands a failure of a step on as the failure of the whole.
[[nodiscard]] Fail pass_on(Error error);

}  // namespace statchan::detail
