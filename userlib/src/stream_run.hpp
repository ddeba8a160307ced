// SPDX-License-Identifier: MIT
//
// A stream as its user sees it: one run of records, although the transport may change on the way.
#pragma once

#include <deque>
#include <memory>

#include "fd.hpp"
#include "stream_backend.hpp"

namespace statchan::detail {

/// The legs of a stream, in their order. Each begins on every CPU with the record after the last of
/// the one before (statchan_channel_req.follows), so what is left to do is to read each to its end.
class StreamRun {
  public:
    explicit StreamRun(std::unique_ptr<StreamBackend> first);

    /// As in Stream.
    [[nodiscard]] Result<Batch> next(nanoseconds timeout);
    void release() noexcept { legs_.front()->release(); }
    [[nodiscard]] int fd() const noexcept;
    [[nodiscard]] Result<void> stop() { return legs_.back()->stop(); }
    [[nodiscard]] Result<Ledger> ledger() const;

    /// Of the leg that records go to now.
    [[nodiscard]] const StreamIdentity& identity() const noexcept {
        return legs_.back()->identity();
    }

    /// @p leg was opened to follow the last one; now it takes its place. If that fails, nothing has
    /// changed.
    [[nodiscard]] Result<void> append(std::unique_ptr<StreamBackend> leg);

  private:
    [[nodiscard]] Result<void> retire();
    [[nodiscard]] Result<void> watch(const Fd& epoll, int fd) const;
    void forget(int fd) noexcept;

    std::deque<std::unique_ptr<StreamBackend>> legs_;  // the first is being read
    Ledger past_;                                      // of those that have been read to their end
    Fd epoll_;                                         // of all legs, once there was a second
};

}  // namespace statchan::detail
