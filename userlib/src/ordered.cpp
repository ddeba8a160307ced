// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <queue>
#include <statchan/ordered.hpp>
#include <utility>
#include <vector>

#include "deadline.hpp"
#include "fail.hpp"

namespace statchan {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

struct OrderedStream::Impl {
    // One record, in memory that it shares with those that came with it.
    struct Held {
        Time due_order{};  // its time, or that of the one before on its CPU if that is later
        std::uint64_t number = 0;
        Time time{};
        bool sample = false;
        std::shared_ptr<const std::vector<std::byte>> memory{};
        Chunk record{};
    };

    // For a queue that gives the oldest first; records of the same time as they came.
    struct Later {
        bool operator()(const Held& a, const Held& b) const noexcept {
            return std::pair{a.due_order, a.number} > std::pair{b.due_order, b.number};
        }
    };

    Stream& stream;
    nanoseconds delay;
    std::uint64_t late = 0;
    std::priority_queue<Held, std::vector<Held>, Later> held{};
    std::map<unsigned, Time> newest{};  // of each CPU
    Time shown{};                       // of the last sample that came out
    std::uint64_t numbers = 0;
    std::optional<Error> ended{};
    std::vector<Held> out{};  // the batch that is with the user
    std::vector<Chunk> chunks{};

    void take(const Batch& batch);
    void hold(Chunk record, const wire::Head& head,
              const std::shared_ptr<const std::vector<std::byte>>& memory);
    [[nodiscard]] Batch give();
    [[nodiscard]] nanoseconds until_due() const;
};

void OrderedStream::Impl::take(const Batch& batch) {
    for (const auto& chunk : batch.chunks()) {
        const auto memory =
            std::make_shared<const std::vector<std::byte>>(chunk.begin(), chunk.end());
        for (std::size_t at = 0; at < memory->size();) {
            const auto head = wire::load_head(memory->data() + at);
            const auto bytes = wire::padded(head.len);
            if (!wire::plausible(head, memory->size() - at)) break;
            hold(Chunk{*memory}.subspan(at, bytes), head, memory);
            at += bytes;
        }
    }
}

void OrderedStream::Impl::hold(Chunk record, const wire::Head& head,
                               const std::shared_ptr<const std::vector<std::byte>>& memory) {
    if (head.type != wire::type_sample && head.type != wire::type_lost) return;
    const bool sample = head.type == wire::type_sample;
    // Of a sample its time, of a gap that of the last loss. A source may stamp as it likes, but
    // what is here has happened: else a time far ahead would hold all that comes after it back.
    const auto stamp = time_from_ns(wire::load<std::uint64_t>(record.data(), sample ? 16 : 40));
    const auto time = std::min(stamp, Time{Clock::now()});
    auto& last = newest[head.cpu];
    last = std::max(last, time);
    held.push({last, numbers++, time, sample, memory, record});
}

nanoseconds OrderedStream::Impl::until_due() const {
    if (held.empty()) return never;
    return std::max(delay - (Clock::now() - held.top().due_order), nanoseconds{0});
}

Batch OrderedStream::Impl::give() {
    out.clear();
    chunks.clear();
    std::size_t samples = 0;
    const auto now = Clock::now();
    while (!held.empty() && (ended || now - held.top().due_order >= delay)) {
        const auto& next = held.top();
        if (next.sample) {
            ++samples;
            if (next.time < shown) ++late;
            shown = std::max(shown, next.time);
        }
        chunks.push_back(next.record);
        out.push_back(next);
        held.pop();
    }
    return Batch{chunks, samples, chunks.size() - samples};
}

OrderedStream::OrderedStream(std::unique_ptr<Impl> impl) noexcept : impl_{std::move(impl)} {}
OrderedStream::OrderedStream(OrderedStream&&) noexcept = default;
OrderedStream& OrderedStream::operator=(OrderedStream&&) noexcept = default;
OrderedStream::~OrderedStream() = default;

nanoseconds OrderedStream::default_delay(const ChannelConfig& effective) noexcept {
    constexpr nanoseconds slack = std::chrono::milliseconds{20};
    return effective.timeout > std::chrono::hours{24} ? never : 2 * effective.timeout + slack;
}

Result<OrderedStream> OrderedStream::make(Stream& stream, nanoseconds delay) {
    const auto timeout = stream.effective().timeout;
    if (delay == never || delay <= timeout) {
        return detail::Fail{
            Error{make_error_code(std::errc::invalid_argument),
                  fmt::format("put samples of '{}' in order", stream.source()),
                  fmt::format(
                      "the delay must be longer than the timeout of the channel, {}",
                      timeout == statchan::never ? "never" : fmt::format("{} ns", timeout.count())),
                  {}}};
    }
    return OrderedStream{std::make_unique<Impl>(Impl{.stream = stream, .delay = delay})};
}

std::uint64_t OrderedStream::late() const noexcept { return impl_->late; }
nanoseconds OrderedStream::delay() const noexcept { return impl_->delay; }

Result<Batch> OrderedStream::next(nanoseconds timeout) {
    auto& impl = *impl_;
    const detail::Deadline deadline{timeout};
    for (;;) {
        if (auto batch = impl.give(); !batch.empty()) return batch;
        if (impl.ended) return detail::Fail{*impl.ended};
        const auto wait = std::min(deadline.left(), impl.until_due());
        const detail::Deadline due{wait};
        auto batch = impl.stream.next(wait == never ? nanoseconds{-1} : wait);
        if (!batch && batch.error() == errc::end_of_stream)
            impl.ended = std::move(batch.error());
        else if (!batch)
            return batch;
        else
            impl.take(*batch);
        // Before it had to be, with nothing: a signal.
        const bool early = due.left().count() != 0;
        if (!impl.ended && batch->empty() && (early || deadline.left().count() == 0))
            return impl.give();
    }
}

}  // namespace statchan
