// SPDX-License-Identifier: MIT
//
// Fresh processes: what one point leaves behind in memory, caches of libraries and descriptors must
// not help or hinder the next.
#pragma once

#include <results.pb.h>

#include <chrono>
#include <functional>

namespace statctl::measure {

/// Runs @p work in a child process and returns what it returned. If the child dies or takes longer
/// than @p limit, a copy of @p label with the fault in it.
[[nodiscard]] statchan::results::Point in_fresh_process(
    const statchan::results::Point& label, std::chrono::seconds limit,
    const std::function<statchan::results::Point()>& work);

/// Binds the calling thread to the last CPU, where no generator with fewer CPUs runs.
void run_on_last_cpu();

}  // namespace statctl::measure
