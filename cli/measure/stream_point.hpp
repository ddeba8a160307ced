// SPDX-License-Identifier: MIT
//
// What the workloads with a stream of samples share.
#pragma once

#include <statchan/statchan.hpp>
#include <string>
#include <vector>

#include "measure/points.hpp"

namespace statctl::measure {

/// How a channel is configured for a load: its policy, its buffer, a snaplen that cuts nothing.
[[nodiscard]] statchan::ChannelConfig config_for(const statchan::results::Load& load);

/// Does not wait for the policy, but looks again and again.
[[nodiscard]] inline bool is_busy(const statchan::results::Load& load) {
    return load.policy() == "busy";
}

/// Reads what there is to the end of a stream that was stopped; each sample once.
template <class Fn>
[[nodiscard]] statchan::Result<void> read_to_end(statchan::Stream& stream, Fn&& each) {
    for (;;) {
        auto batch = stream.next(std::chrono::seconds{5});
        if (!batch && batch.error() == statchan::errc::end_of_stream) return {};
        if (!batch) return tl::unexpected(std::move(batch.error()));
        if (batch->empty())
            return tl::unexpected(statchan::Error{
                std::make_error_code(std::errc::timed_out), "drain", "no end came", {}});
        for (const auto& sample : batch->samples()) each(sample);
    }
}

/// Puts the ledger into the point, and what in it does not close into its fault.
void close_books(statchan::results::Point& point, const statchan::Stream& stream,
                 std::uint64_t wrong);

/// Whether the payload is what the source documents for (cpu, seq).
[[nodiscard]] bool is_genuine(const statchan::Sample& sample);

}  // namespace statctl::measure
