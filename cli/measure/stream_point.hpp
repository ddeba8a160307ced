// SPDX-License-Identifier: MIT
//
// What the workloads with a stream of samples share.
#pragma once

#include <optional>
#include <statchan/statchan.hpp>
#include <string>
#include <utility>

#include "measure/points.hpp"

namespace statctl::measure {

/// How a channel is configured for a load: its policy, its buffer, a snaplen that cuts nothing.
[[nodiscard]] statchan::ChannelConfig config_for(const statchan::results::Load& load);

/// How long to wait for a batch: "busy" does not wait for the policy, but looks again and again.
[[nodiscard]] statchan::nanoseconds patience(const statchan::results::Load& load);

/// What was lost anywhere on the way.
[[nodiscard]] std::uint64_t losses(const statchan::StreamLedgerEntry& ledger) noexcept;

/// A stream of one transport, and the hand on its source, as the measuring of a point is given it.
/// What goes wrong becomes the point's fault.
class StreamPoint {
  public:
    /// Opens, measures, stops, reads what is left and closes the books.
    template <class Measure>
    [[nodiscard]] static statchan::results::Point run(const Job& job, Measure&& measure) {
        StreamPoint self{job};
        if (self.open()) {
            measure(self);
            self.close();
        }
        return std::move(self.point_);
    }

    [[nodiscard]] const Job& job() const noexcept { return job_; }
    [[nodiscard]] const statchan::results::Load& load() const noexcept { return job_.label.load(); }
    [[nodiscard]] statchan::results::Point& point() noexcept { return point_; }
    [[nodiscard]] const statchan::Stream& stream() const noexcept { return *stream_; }

    /// Tells the generator what to do, in the words of `statctl set`; somebody else's source is
    /// left as it is. Whether it did.
    bool generate(const std::string& parameters);
    /// What the ledger says now, of all CPUs together.
    [[nodiscard]] std::optional<statchan::StreamLedgerEntry> totals();
    /// The next batch; nothing: it failed.
    [[nodiscard]] std::optional<statchan::Batch> next(statchan::nanoseconds timeout);
    /// The last batch is done with.
    void release() { stream_->release(); }
    /// Counts a sample that is not what the source documents for (cpu, seq).
    void check(const statchan::Sample& sample);
    /// Bytes of the buffers in force; of a socket what it may hold.
    [[nodiscard]] std::uint64_t kernel_memory() const;
    void fail(std::string why) { point_.set_fault(std::move(why)); }

  private:
    explicit StreamPoint(const Job& job) : job_{job}, point_{job.label} {}
    bool open();
    void close();
    void drain();
    void close_books();
    template <class T>
    bool good(const statchan::Result<T>& result) {
        if (!result) fail(result.error().message());
        return result.has_value();
    }

    const Job& job_;
    statchan::results::Point point_;
    std::optional<statchan::Client> control_;
    std::optional<statchan::Stream> stream_;
    std::uint32_t cpus_ = 0;
    std::uint64_t wrong_ = 0;
};

}  // namespace statctl::measure
