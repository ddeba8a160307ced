// SPDX-License-Identifier: MIT
#include "measure/stream_point.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "channel_text.hpp"
#include "measure/genuine.hpp"
#include "measure/worker.hpp"

namespace statctl::measure {

using statchan::results::Load;

statchan::ChannelConfig config_for(const Load& load) {
    statchan::ChannelConfig config{.snaplen = static_cast<std::uint32_t>(load.bytes()),
                                   .buffer_size = load.buffer()};
    if (load.policy() == "each") {
        config.watermark_records = 1;
    } else if (load.policy() == "batch64") {
        config.watermark_records = 64;
    } else if (load.policy() == "timeout") {
        // half of the buffer: the timeout comes first, or the consumer is too slow anyway
        config.watermark_bytes = static_cast<std::uint32_t>(load.buffer() / 2);
        config.timeout = std::chrono::milliseconds{1};
    } else if (load.policy() == "never") {
        // nobody is woken while records come; they are taken when they have come
        config.watermark_bytes = static_cast<std::uint32_t>(load.buffer());
        config.timeout = std::chrono::milliseconds{5};
    }
    return config;
}

statchan::nanoseconds patience(const Load& load) {
    if (load.policy() == "busy") return statchan::nanoseconds{0};
    return std::chrono::milliseconds{20};
}

std::uint64_t losses(const statchan::StreamLedgerEntry& ledger) noexcept {
    const auto overrun = static_cast<std::size_t>(statchan::LostReason::socket_overrun);
    return ledger.lost_total() + ledger.gap_records.at(overrun);
}

bool StreamPoint::open() {
    run_on_last_cpu();
    auto client = statchan::Client::open({.transport = point_.transport()});
    auto control = statchan::Client::open({.transport = "ioctl"});
    if (!good(client) || !good(control)) return false;
    auto stream = client->subscribe(job_.source, config_for(load()));
    const auto version = control->version();
    if (!good(stream) || !good(version)) return false;
    cpus_ = version->nr_cpus;
    control_ = std::move(*control);
    stream_ = std::move(*stream);
    return true;
}

bool StreamPoint::generate(const std::string& parameters) {
    return job_.foreign || good(control_->set_source(job_.source, parameters));
}

std::optional<statchan::StreamLedgerEntry> StreamPoint::totals() {
    const auto ledger = stream_->ledger();
    if (!good(ledger)) return std::nullopt;
    return ledger->total();
}

std::optional<statchan::Batch> StreamPoint::next(statchan::nanoseconds timeout) {
    auto batch = stream_->next(timeout);
    if (!good(batch)) return std::nullopt;
    return *batch;
}

std::uint64_t StreamPoint::kernel_memory() const {
    const auto& in_force = stream_->effective();
    return in_force.buffer_size * cpus_ + in_force.receive_buffer;
}

void StreamPoint::check(const statchan::Sample& sample) {
    if (!job_.foreign && !is_genuine(sample)) ++wrong_;
}

// Each sample once, to the end of a stream that was stopped.
void StreamPoint::drain() {
    for (;;) {
        const auto batch = stream_->next(std::chrono::seconds{5});
        if (!batch && batch.error() == statchan::errc::end_of_stream) return;
        if (!good(batch)) return;
        if (batch->empty()) return fail("its stream was stopped, but no end came");
        for (const auto& sample : batch->samples()) check(sample);
    }
}

void StreamPoint::close() {
    generate("run=0");
    if (good(stream_->stop())) drain();
    close_books();
}

void StreamPoint::close_books() {
    const auto ledger = stream_->ledger();
    if (!good(ledger)) return;
    const auto total = ledger->total();
    auto& books = *point_.mutable_books();
    books.set_produced(total.produced.value_or(0));
    books.set_received(total.received);
    for (std::size_t i = 0; i < statchan::lost_reasons; ++i) {
        const auto lost = std::max(total.lost.at(i).value_or(0), total.gap_records.at(i));
        if (lost != 0)
            (*books.mutable_lost())[to_string(static_cast<statchan::LostReason>(i))] = lost;
    }
    books.set_closes(ledger->closes());
    books.set_digests_wrong(wrong_);
    if (!ledger->closes())
        fail("its books do not close");
    else if (wrong_ != 0)
        fail(fmt::format("{} records are not what was sent", wrong_));
    point_.add_in_force(describe(stream_->effective(), stream_->requested()));
}

}  // namespace statctl::measure
