// SPDX-License-Identifier: MIT
//
// Workload latency: open loop. The producer emits on schedule and stamps each record with the time
// it was due, so a delay of its own counts, too; the consumer looks at the clock once per batch.
#include <fmt/format.h>

#include <cmath>

#include "measure/histogram.hpp"
#include "measure/stream_point.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;

// Samples that were due before @p from are warm-up.
void take(StreamPoint& self, const statchan::Batch& batch, Clock::time_point from,
          Histogram& histogram) {
    const auto now = Clock::now();
    for (const auto& sample : batch.samples()) {
        self.check(sample);
        if (sample.time() < from) continue;
        const auto delay = (now - sample.time()).count();
        histogram.add(delay > 0 ? static_cast<std::uint64_t>(delay) : 0);
    }
}

void add_quantiles(statchan::results::Point& point, const Histogram& histogram) {
    if (histogram.total() == 0) {
        point.set_fault("no record arrived");
        return;
    }
    for (const auto& [name, q] : {std::pair{"latency.p50", 0.5},
                                  {"latency.p90", 0.9},
                                  {"latency.p99", 0.99},
                                  {"latency.p99_9", 0.999},
                                  {"latency.p99_99", 0.9999},
                                  {"latency.max", 1.0}})
        add_metric(point, name, "ns", static_cast<double>(histogram.quantile(q)));
    *point.mutable_latency() = histogram.message();
}

void listen(StreamPoint& self) {
    const auto& load = self.load();
    const auto& job = self.job();
    if (!self.generate(
            fmt::format("mode=paced context=softirq cpus={} size={} count=0 pps={:.0f} run=1",
                        load.cpus(), load.bytes(), std::floor(job.rate / load.cpus()))))
        return;
    Histogram histogram;
    const auto start = Clock::now();
    // until the window is over and something has come, as far as anything comes
    while (Clock::now() < start + job.window ||
           (histogram.total() == 0 && Clock::now() < start + std::chrono::seconds{5})) {
        const auto batch = self.next(patience(load));
        if (!batch) return;
        take(self, *batch, start + job.window / 4, histogram);
    }
    self.release();
    const auto ledger = self.totals();
    if (!ledger) return;
    add_quantiles(self.point(), histogram);
    if (const auto produced = ledger->produced.value_or(0); produced != 0)
        add_metric(self.point(), "lost", "1",
                   static_cast<double>(losses(*ledger)) / static_cast<double>(produced));
}

}  // namespace

statchan::results::Point measure_latency(const Job& job) { return StreamPoint::run(job, listen); }

}  // namespace statctl::measure
