// SPDX-License-Identifier: MIT
#include "measure/stream_point.hpp"

#include <fmt/format.h>
#include <linux/statchan_synth.h>

#include "channel_text.hpp"

namespace statctl::measure {

statchan::ChannelConfig config_for(const statchan::results::Load& load) {
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
    }
    return config;
}

bool is_genuine(const statchan::Sample& sample) {
    const auto payload = sample.payload();
    const auto size = static_cast<std::uint32_t>(payload.size());
    return statchan_synth_check(payload.data(), size, sample.cpu(), sample.seq()) == size;
}

void close_books(statchan::results::Point& point, const statchan::Stream& stream,
                 std::uint64_t wrong) {
    const auto ledger = stream.ledger();
    if (!ledger) {
        point.set_fault(ledger.error().message());
        return;
    }
    const auto total = ledger->total();
    auto& books = *point.mutable_books();
    books.set_produced(total.produced.value_or(0));
    books.set_received(total.received);
    for (std::size_t i = 0; i < statchan::lost_reasons; ++i) {
        const auto lost = std::max(total.lost.at(i).value_or(0), total.gap_records.at(i));
        if (lost != 0)
            (*books.mutable_lost())[to_string(static_cast<statchan::LostReason>(i))] = lost;
    }
    books.set_closes(ledger->closes());
    books.set_digests_wrong(wrong);
    if (!ledger->closes())
        point.set_fault("its books do not close");
    else if (wrong != 0)
        point.set_fault(fmt::format("{} records are not what was sent", wrong));
    point.add_in_force(describe(stream.effective(), stream.requested()));
}

}  // namespace statctl::measure
