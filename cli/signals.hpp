// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include "out.hpp"

namespace statctl {

/// From now on SIGINT, SIGTERM and SIGHUP ask for a clean end; one that comes seconds later ends at
/// once.
void catch_stop_signals();

/// One of them came.
[[nodiscard]] bool stop_requested() noexcept;

/// From now on SIGUSR1 asks for another transport, and so does the key t if standard input is a
/// terminal, which is set to give keys at once until the process ends. @p keys_are_free: no pager
/// behind us reads them.
void catch_switch_requests(bool keys_are_free);

/// Somebody asked, since the last time this was called.
[[nodiscard]] bool switch_requested() noexcept;

/// How long a command that waits goes without looking at the above.
inline constexpr std::chrono::milliseconds tick{200};

/// Sleeps to @p deadline; less if the user or the reader of @p out wants no more. False then.
[[nodiscard]] bool sleep_until(std::chrono::steady_clock::time_point deadline, Out& out);

}  // namespace statctl
