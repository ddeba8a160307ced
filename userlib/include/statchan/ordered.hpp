// SPDX-License-Identifier: MIT
//
// The records of all CPUs in the order of their times.
#pragma once

#include <cstdint>
#include <memory>
#include <statchan/error.hpp>
#include <statchan/export.hpp>
#include <statchan/stream.hpp>

namespace statchan {

/// Merges a stream by time. A stream keeps the order of each CPU; between CPUs its batches come as
/// they come. To put them in order, records are held back until none that is older can follow:
/// for a fixed delay after the time in the record. What the channel itself holds back must fit
/// into that, so the delay must be longer than the channel's timeout. A time that is yet to come
/// counts as that of the record's arrival.
///
/// Copies each record once. Memory: what the stream delivers within the delay.
class STATCHAN_API OrderedStream {
  public:
    /// The delay if none is given: twice the timeout of the channel and 20 ms.
    [[nodiscard]] static nanoseconds default_delay(const ChannelConfig& effective) noexcept;

    /// @p stream must outlive this, and nobody else may read it. std::errc::invalid_argument if
    /// the delay is not longer than effective().timeout, or that is `never`.
    [[nodiscard]] static Result<OrderedStream> make(Stream& stream, nanoseconds delay);

    OrderedStream(OrderedStream&&) noexcept;
    OrderedStream& operator=(OrderedStream&&) noexcept;
    ~OrderedStream();

    /// As Stream::next(). Samples come by increasing time; gaps stay before the next sample of
    /// their CPU. At the end of the stream what was held back comes at once.
    [[nodiscard]] Result<Batch> next(nanoseconds timeout);

    /// Samples that came out after one with a later time, because they reached us later than the
    /// delay allows: their source stamps them late, or the reader was not run in time.
    [[nodiscard]] std::uint64_t late() const noexcept;
    /// How long a record is held back, from the time in it.
    [[nodiscard]] nanoseconds delay() const noexcept;

  private:
    struct Impl;
    explicit OrderedStream(std::unique_ptr<Impl> impl) noexcept;
    std::unique_ptr<Impl> impl_;
};

}  // namespace statchan
