// SPDX-License-Identifier: MIT
//
// Workload lossless: a producer on schedule goes faster until something is lost, then between the
// last two rates, until they are near each other; or as fast as it can. Each step is a run of its
// own over one stream; a rate that loses something gets a second one, since a machine may stall.
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

std::optional<Step> try_rate(StreamPoint& self, double rate) {
    const auto before = self.totals();
    const auto start = Clock::now();
    if (!before || !self.generate(fmt::format("pps={:.0f} run=1", rate / self.load().cpus())))
        return std::nullopt;
    while (Clock::now() < start + self.job().window)
        if (!self.next(patience(self.load()))) return std::nullopt;
    self.release();
    const auto after = self.totals();
    const std::chrono::duration<double> took = Clock::now() - start;
    if (!after || !self.generate("run=0")) return std::nullopt;
    return Step{static_cast<double>(after->produced.value_or(0) - before->produced.value_or(0)) /
                    took.count(),
                losses(*after) != losses(*before)};
}

// Takes what the last rate has left, so that the next does not pay for it.
bool catch_up(StreamPoint& self) {
    for (;;) {
        const auto batch = self.next(std::chrono::milliseconds{20});
        if (!batch) return false;
        if (batch->empty()) return true;
    }
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
        if (!step || !catch_up(self)) return;
        if (step->lost) step = try_rate(self, rate);
        if (!step || !catch_up(self)) return;
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
