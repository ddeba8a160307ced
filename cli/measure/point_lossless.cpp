// SPDX-License-Identifier: MIT
//
// Workload lossless: a producer on schedule goes faster until something is lost, then between the
// last two rates, until they are near each other; or as fast as it can. Each step is a run of its
// own over one stream; a rate that loses something gets a second one, since a machine may stall.
// What piles up in the buffers while a step lasts would be lost if it lasted longer: that counts,
// too.
#include <fmt/format.h>

#include <algorithm>

#include "measure/stream_point.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double first_rate = 4000;
constexpr double near = 1.15;

struct Step {
    double offered;  // records per second; less than wanted where the producer can't
    bool lost;
};

// Produced, and neither received nor known to be lost.
std::uint64_t outstanding(const statchan::StreamLedgerEntry& ledger) {
    return ledger.produced.value_or(0) - ledger.received - losses(ledger);
}

// A reader that keeps up has a few batches before it, whatever the buffer holds.
constexpr double piled_up = 0.1;  // of what was produced
constexpr double batch = 64;

// Takes what a rate has left, so that the next does not pay for it.
bool catch_up(StreamPoint& self) {
    for (;;) {
        const auto batch = self.next(std::chrono::milliseconds{20});
        if (!batch) return false;
        if (batch->empty()) return true;
    }
}

std::optional<Step> try_rate(StreamPoint& self, double rate) {
    const auto before = self.totals();
    const auto start = Clock::now();
    if (!before || !self.generate(fmt::format("pps={:.0f} run=1", rate / self.load().cpus())))
        return std::nullopt;
    while (Clock::now() < start + self.job().window)
        if (!self.next(patience(self.load()))) return std::nullopt;
    self.release();
    const auto end = self.totals();
    const std::chrono::duration<double> took = Clock::now() - start;
    // a socket's loss is known when the message behind it has come, or none comes any more
    if (!end || !self.generate("run=0") || !catch_up(self)) return std::nullopt;
    const auto after = self.totals();
    if (!after) return std::nullopt;
    const auto produced =
        static_cast<double>(end->produced.value_or(0) - before->produced.value_or(0));
    const auto waiting = static_cast<double>(outstanding(*end) - outstanding(*after));
    return Step{produced / took.count(),
                losses(*after) != losses(*before) || outstanding(*after) != outstanding(*before) ||
                    waiting > piled_up * produced + 2 * batch * self.load().cpus()};
}

void search(StreamPoint& self) {
    const auto& load = self.load();
    if (!self.generate(fmt::format("run=0 mode=paced context=softirq cpus={} size={} count=0",
                                   load.cpus(), load.bytes())))
        return;
    double good = 0;
    double bad = 0;
    double rate = first_rate;
    while (rate > first_rate / 16) {
        auto step = try_rate(self, rate);
        if (step && step->lost) step = try_rate(self, rate);
        if (!step) return;
        if (step->lost)
            bad = rate;
        else
            good = std::min(rate, step->offered);
        const bool producer_is_slower = !step->lost && step->offered < rate / near;
        if (producer_is_slower || (bad != 0 && bad < near * good)) break;
        rate = bad == 0 ? 2 * rate : (good + bad) / 2;
    }
    add_metric(self.point(), "lossless", "1/s", good);
}

}  // namespace

statchan::results::Point measure_lossless(const Job& job) { return StreamPoint::run(job, search); }

}  // namespace statctl::measure
