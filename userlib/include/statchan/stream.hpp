// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <statchan/error.hpp>
#include <statchan/export.hpp>
#include <statchan/ledger.hpp>
#include <statchan/record.hpp>
#include <statchan/types.hpp>
#include <string_view>

namespace statchan {

namespace detail {
class StreamRun;
}

/// What one Stream::next() found: a range of Item, in increasing seq for each CPU. Empty when
/// the time was up. A view: valid until the next call of next(), release() or the end of the
/// Stream, whichever is first.
class Batch {
  public:
    Batch() noexcept = default;
    Batch(std::span<const Chunk> chunks, std::size_t samples, std::size_t gaps) noexcept
        : chunks_{chunks}, samples_{samples}, gaps_{gaps} {}

    [[nodiscard]] ItemIterator begin() const noexcept { return ItemIterator{chunks_}; }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// Range of the samples, without the gaps.
    [[nodiscard]] auto samples() const noexcept {
        struct Range {
            std::span<const Chunk> chunks;
            [[nodiscard]] SampleIterator begin() const noexcept {
                return SampleIterator{ItemIterator{chunks}};
            }
            [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }
        };
        return Range{chunks_};
    }

    [[nodiscard]] bool empty() const noexcept { return samples_ + gaps_ == 0; }
    [[nodiscard]] std::size_t sample_count() const noexcept { return samples_; }
    [[nodiscard]] std::size_t gap_count() const noexcept { return gaps_; }
    /// The raw records, as the kernel wrote them.
    [[nodiscard]] std::span<const Chunk> chunks() const noexcept { return chunks_; }

  private:
    std::span<const Chunk> chunks_;
    std::size_t samples_ = 0;
    std::size_t gaps_ = 0;
};

/// A channel of samples on one source. Made by Client::subscribe(), independent of the Client
/// afterwards; closing it (destruction) frees all that the kernel held for it.
///
///     auto batch = stream.next(100ms);
///     for (; batch; batch = stream.next(100ms))
///         for (const auto& item : *batch)
///             if (auto gap = item.gap()) ... else use(*item.sample());
///     if (batch.error() != statchan::errc::end_of_stream) ...
///
/// Not thread-safe: one thread at a time. Different streams are independent. Not for a forked
/// child: mappings stay with the parent.
class STATCHAN_API Stream {
  public:
    explicit Stream(std::unique_ptr<detail::StreamRun> run) noexcept;
    Stream(Stream&&) noexcept;
    Stream& operator=(Stream&&) noexcept;
    ~Stream();

    /// Gives back the batch before and waits for the next, as the wakeup policy of the channel
    /// (watermark, timeout) says, but no longer than @p timeout; then takes all there is, up to
    /// effective().batch_bytes. A negative timeout waits for ever. 0 does not wait for the policy
    /// either: it takes what is there, which on mmap costs no system call.
    ///
    /// Three outcomes that are not records, all distinct: an empty batch when the time is up
    /// (or a signal came); errc::end_of_stream when the source is gone and all was delivered,
    /// from then on at every call; any other error. After errc::bad_data the stream is unusable.
    [[nodiscard]] Result<Batch> next(nanoseconds timeout);

    /// Gives back the batch now, e.g. before a long pause: its room becomes the producer's.
    void release() noexcept;

    /// Takes the stream off its source: what was accepted by now can be read, up to
    /// errc::end_of_stream. This freezes a stream of Mode::overwrite, whose last records can then
    /// be read at leisure; over relay they can be read only then. Stopping twice does no harm. A
    /// netlink channel that other sockets share can not be stopped
    /// (std::errc::device_or_resource_busy).
    [[nodiscard]] Result<void> stop();

    /// For epoll or poll: readable as long as next(0) would return records by the wakeup policy, an
    /// error that waits to be told, or the end of the stream, and so for ever once that is reached.
    /// Level triggered on every transport: one next(0) for each time that it is readable is enough.
    /// That may find nothing: on some transports a batch counts as unread until it is given back,
    /// and after an overrun netlink looks whether the end was among what was lost.
    ///
    /// Only to wait for: not to be read. Owned by the Stream. Another one after the first
    /// Client::switch_transport() of this stream, then the same for ever.
    [[nodiscard]] int fd() const noexcept;

    /// Kernel's ledger and what this stream received, per CPU; of all channels that the stream
    /// has had, if its transport was switched.
    [[nodiscard]] Result<Ledger> ledger() const;

    /// What was asked for.
    [[nodiscard]] const ChannelConfig& requested() const noexcept;
    /// What is in force.
    [[nodiscard]] const ChannelConfig& effective() const noexcept;
    /// Id of the channel, as in Client::channels().
    [[nodiscard]] std::uint32_t channel() const noexcept;
    /// Name of the transport.
    [[nodiscard]] std::string_view transport() const noexcept;
    /// Name of the source, as it was when the stream began.
    [[nodiscard]] std::string_view source() const noexcept;

  private:
    friend class Client;
    std::unique_ptr<detail::StreamRun> run_;
};

}  // namespace statchan
