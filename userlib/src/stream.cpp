// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <statchan/stream.hpp>
#include <utility>

#include "deadline.hpp"
#include "stream_backend.hpp"
#include "stream_run.hpp"

namespace statchan {

Stream::Stream(std::unique_ptr<detail::StreamRun> run) noexcept : run_{std::move(run)} {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Result<Batch> Stream::next(nanoseconds timeout) { return run_->next(timeout); }
void Stream::release() noexcept { run_->release(); }
int Stream::fd() const noexcept { return run_->fd(); }
Result<void> Stream::stop() { return run_->stop(); }
Result<Ledger> Stream::ledger() const { return run_->ledger(); }
const ChannelConfig& Stream::requested() const noexcept { return run_->identity().requested; }
const ChannelConfig& Stream::effective() const noexcept { return run_->identity().effective; }
std::uint32_t Stream::channel() const noexcept { return run_->identity().channel; }
std::string_view Stream::transport() const noexcept { return run_->identity().transport; }
std::string_view Stream::source() const noexcept { return run_->identity().source; }

namespace detail {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t now_ns() noexcept { return to_ns(Clock::now()); }

constexpr std::size_t default_batch_bytes = std::size_t{256} << 10;

}  // namespace

std::size_t effective_batch_bytes(const ChannelConfig& requested, std::uint32_t snaplen) noexcept {
    const auto wanted = requested.batch_bytes != 0 ? requested.batch_bytes : default_batch_bytes;
    const auto least = wire::padded(static_cast<std::uint32_t>(wire::sample_bytes) + snaplen);
    return std::max(wanted, std::max(least, wire::lost_bytes));
}

StreamBackend::StreamBackend(StreamIdentity identity)
    : identity_{std::move(identity)}, accounting_{identity_.nr_cpus} {
    accounting_.set_step(identity_.step);
}

void StreamBackend::release() noexcept {
    if (!taken_) return;
    taken_ = false;
    give_back();
    chunks_.clear();
    own_gaps_.clear();
    samples_ = gaps_ = 0;
}

Result<std::size_t> StreamBackend::add_chunk(Chunk chunk, const ScanLimits& limits) {
    auto found = accounting_.scan(chunk, limits);
    if (!found) {
        found.error().doing = task().text();
        failure_ = found.error();
        return pass_on(std::move(found.error()));
    }
    if (found->samples + found->gaps != 0) {
        chunks_.push_back(chunk.first(found->bytes));
        samples_ += found->samples;
        gaps_ += found->gaps;
    }
    return found->bytes;
}

Result<void> StreamBackend::add_gap_before(std::uint32_t cpu, std::uint64_t lost, LostReason reason,
                                           Chunk records) {
    if (records.size() < wire::head_bytes) return {};
    // Of a sample the seq, of a loss the first seq: at the same place.
    const auto next = wire::load<std::uint64_t>(records.data(), 8);
    const auto untold = accounting_.untold_before(cpu, next);
    if (lost == 0 && untold == 0) return {};
    const auto span = lost * accounting_.step();
    const auto from = accounting_.expected(cpu).value_or(next >= span ? next - span : 0);
    if (next <= from)
        return fail_data(task(), fmt::format("{} records lost where none can be missing", lost));
    if (lost != 0)
        if (auto added = add_gap(cpu, from, next - 1, lost, reason); !added) return added;
    if (untold <= lost) return {};
    return add_gap(cpu, from, next - 1, untold - lost, LostReason::unreported);
}

Result<void> StreamBackend::add_gap_at_end(std::uint32_t cpu, std::uint64_t lost, LostReason reason,
                                           std::uint64_t first) {
    const auto from = accounting_.expected(cpu).value_or(accounting_.round_up(first));
    return add_gap(cpu, from, from + (lost - 1) * accounting_.step(), lost, reason);
}

Result<void> StreamBackend::add_gap(std::uint32_t cpu, std::uint64_t first, std::uint64_t last,
                                    std::uint64_t count, LostReason reason) {
    const auto now = now_ns();
    own_gaps_.push_back({.len = sizeof(statchan_lost),
                         .type = STATCHAN_RECORD_LOST,
                         .cpu = static_cast<std::uint16_t>(cpu),
                         .first_seq = first,
                         .last_seq = std::max(last, first + count - 1),
                         .count = count,
                         .first_ns = now,
                         .last_ns = now,
                         .reason = static_cast<std::uint32_t>(reason),
                         .reserved = 0});
    auto added = add_chunk(std::as_bytes(std::span{&own_gaps_.back(), 1}), {.cpu = cpu});
    if (!added) return pass_on(std::move(added.error()));
    return {};
}

void StreamBackend::continue_after(const StreamBackend& before, const Ledger& its) {
    for (const auto& entry : its.cpus) {
        if (entry.cpu >= accounting_.cpus()) continue;
        auto seq = before.accounting_.expected(entry.cpu);
        // All that it was to take came: the rest, up to where it ended, it left out.
        if (!seq || (entry.next_seq && *entry.next_seq > *seq &&
                     before.accounting_.missing(*seq, *entry.next_seq) == 0))
            seq = entry.next_seq;
        if (seq) accounting_.begin_at(entry.cpu, *seq);
    }
}

// What there is, without waiting.
Result<Batch> StreamBackend::take() {
    taken_ = true;
    const auto flow = collect();
    if (!flow) {
        if (flow.error() == errc::bad_data) failure_ = flow.error();
        return pass_on(flow.error());
    }
    ended_ = *flow == Flow::ended;
    if (samples_ + gaps_ == 0 && ended_) {
        failure_ =
            fail(errc::end_of_stream, task(), "the source is gone, or the stream was stopped")
                .value();
        return Fail{*failure_};
    }
    return Batch{chunks_, samples_, gaps_};
}

// Until the policy announces something or the time is up or a signal came.
Result<StreamBackend::Woken> StreamBackend::wait(nanoseconds timeout) const {
    pollfd p{.fd = waits_for(), .events = POLLIN, .revents = 0};
    timespec ts{};
    ts.tv_sec = timeout.count() / 1'000'000'000;
    ts.tv_nsec = timeout.count() % 1'000'000'000;
    const int ready = ::ppoll(&p, 1, timeout == never ? nullptr : &ts, nullptr);
    if (ready < 0 && errno == EINTR) return Woken::signal;
    if (ready < 0) return fail_errno(errno, task("wait for samples of"));
    if (ready > 0 && (p.revents & POLLNVAL) != 0) return fail_errno(EBADF, task());
    return ready > 0 ? Woken::ready : Woken::time;
}

Result<Batch> StreamBackend::next(nanoseconds timeout) {
    release();
    if (failure_) return Fail{*failure_};
    if (timeout.count() == 0 || ended_ || announced()) {
        auto batch = take();
        if (!batch || !batch->empty() || timeout.count() == 0) return batch;
        release();
    }
    const Deadline deadline{timeout};
    for (auto left = deadline.left();;) {
        const auto woken = wait(std::min(left, patience()));
        if (!woken) return pass_on(woken.error());
        left = deadline.left();
        // Also when the time is up: records that wait for the watermark must not wait for ever.
        auto batch = take();
        if (!batch || !batch->empty() || woken == Woken::signal) return batch;
        if (left.count() == 0) return batch;
        release();
    }
}

Result<Ledger> StreamBackend::ledger() {
    auto ledger = kernel_ledger();
    if (ledger)
        for (auto& entry : ledger->cpus) accounting_.report(entry.cpu, entry);
    return ledger;
}

}  // namespace detail
}  // namespace statchan
