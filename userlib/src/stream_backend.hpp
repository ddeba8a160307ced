// SPDX-License-Identifier: MIT
#pragma once

#include <linux/statchan.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <statchan/stream.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "accounting.hpp"
#include "fail.hpp"

namespace statchan::detail {

/// What an opened channel is, whatever the transport.
struct StreamIdentity {
    std::string_view transport{};  ///< of the table, so it lives for ever
    std::string source{};          ///< name, for errors
    std::uint32_t channel = 0;
    std::uint32_t nr_cpus = 0;
    ChannelConfig requested{};
    ChannelConfig effective{};
    std::uint64_t step = 1;  ///< it takes 1 in so many of its source's records: seq % step == 0
};

/// A stream over one transport: the transport collects chunks of records, this class waits,
/// checks and counts. One virtual call per next(), none per record.
class StreamBackend {
  public:
    explicit StreamBackend(StreamIdentity identity);
    virtual ~StreamBackend() = default;
    StreamBackend(const StreamBackend&) = delete;
    StreamBackend& operator=(const StreamBackend&) = delete;

    /// As Stream::next().
    [[nodiscard]] Result<Batch> next(nanoseconds timeout);

    /// Gives the memory of the last batch back. Harmless if there is none.
    void release() noexcept;

    /// This stream goes on where @p before, which has ended, stopped.
    void continue_after(const StreamBackend& before, const Ledger& its);

    /// As Stream::stop().
    [[nodiscard]] virtual Result<void> stop() = 0;

    /// Of a channel that follows another: takes its place.
    [[nodiscard]] virtual Result<void> start() = 0;

    /// As Stream::fd().
    [[nodiscard]] virtual int fd() const noexcept = 0;

    [[nodiscard]] Result<Ledger> ledger();
    [[nodiscard]] const StreamIdentity& identity() const noexcept { return identity_; }

  protected:
    /// Whether there may be more.
    enum class Flow { open, ended };

    /// Takes what there is, without waiting, by add_chunk(). `ended`: the source is gone and,
    /// after these chunks, nothing follows.
    [[nodiscard]] virtual Result<Flow> collect() = 0;

    /// By the wakeup policy there is something to collect, or an error or the end to be told;
    /// without a system call, if that can be known. Otherwise next() asks poll.
    [[nodiscard]] virtual bool announced() const noexcept { return false; }

    /// What next() asks poll about: fd(), or only that part of it that this class can not know.
    [[nodiscard]] virtual int waits_for() const noexcept { return fd(); }

    /// How long next() may sleep before it collects even though poll is silent.
    [[nodiscard]] virtual nanoseconds patience() const noexcept { return never; }

    /// Gives back what collect() took.
    virtual void give_back() noexcept = 0;

    /// The kernel's ledger of this channel.
    [[nodiscard]] virtual Result<Ledger> kernel_ledger() = 0;

    /// Checks and counts a chunk and puts the whole records into the batch. Returns how many
    /// bytes those are. The chunk must stay until give_back().
    [[nodiscard]] Result<std::size_t> add_chunk(Chunk chunk, const ScanLimits& limits = {});

    /// As add_chunk() of a chunk that is one record, at least wire::head_bytes, of a CPU there is.
    /// Returns false, and has done nothing, if that is not the next sample: then add_chunk() it.
    [[nodiscard]] bool add_next(std::uint32_t cpu, Chunk record) {
        if (!accounting_.take_next(cpu, record)) return false;
        chunks_.push_back(record);
        ++samples_;
        return true;
    }

    /// Puts a gap of the library's own before @p records, the next of a CPU: @p lost of the
    /// channel's records are gone for @p reason, known from a count; beside them the kernel's
    /// notices of losses may be missing, which shows in the sequence and makes a second gap.
    [[nodiscard]] Result<void> add_gap_before(std::uint32_t cpu, std::uint64_t lost,
                                              LostReason reason, Chunk records);
    /// Puts a gap of the library's own into the batch: @p lost records from the next that is
    /// expected on this CPU, or if none is from the first with seq @p first or later: @p first may
    /// be one that the channel does not take. After the last record of a CPU.
    [[nodiscard]] Result<void> add_gap_at_end(std::uint32_t cpu, std::uint64_t lost,
                                              LostReason reason, std::uint64_t first);

    /// Samples in the batch.
    [[nodiscard]] std::size_t samples() const noexcept { return samples_; }

    /// The first sample of this CPU would be @p seq if nothing was lost. No harm if it has come.
    void begin_at(std::uint32_t cpu, std::uint64_t seq) noexcept {
        if (!accounting_.expected(cpu)) accounting_.begin_at(cpu, seq);
    }

    /// There is something in the batch.
    [[nodiscard]] bool collected() const noexcept { return samples_ + gaps_ != 0; }

    [[nodiscard]] const Accounting& accounting() const noexcept { return accounting_; }
    [[nodiscard]] std::size_t batch_bytes() const noexcept {
        return identity_.effective.batch_bytes;
    }
    [[nodiscard]] Task task(std::string_view verb = "read samples of") const noexcept {
        return {verb, identity_.source};
    }
    StreamIdentity identity_;

  private:
    [[nodiscard]] Result<void> add_gap(std::uint32_t cpu, std::uint64_t first, std::uint64_t last,
                                       std::uint64_t count, LostReason reason);
    [[nodiscard]] Result<Batch> take();
    enum class Woken { ready, time, signal };
    [[nodiscard]] Result<Woken> wait(nanoseconds timeout) const;

    Accounting accounting_;
    std::vector<Chunk> chunks_;
    std::deque<statchan_lost> own_gaps_;  // records of our own in the batch; addresses stay
    std::size_t samples_ = 0;
    std::size_t gaps_ = 0;
    bool taken_ = false;            // a batch is out
    bool ended_ = false;            // it was the last: nothing more to wait for
    std::optional<Error> failure_;  // for good: end of stream or bad data
};

/// batch_bytes in force: room for at least one record.
[[nodiscard]] std::size_t effective_batch_bytes(const ChannelConfig& requested,
                                                std::uint32_t snaplen) noexcept;

}  // namespace statchan::detail
