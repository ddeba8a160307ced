// SPDX-License-Identifier: MIT
//
// Workload latency: open loop. The producer emits on schedule and stamps each record with the time
// it was due, so a delay of its own counts, too; the consumer looks at the clock once per batch.
#include <fmt/format.h>

#include <statchan/statchan.hpp>

#include "measure/histogram.hpp"
#include "measure/points.hpp"
#include "measure/stream_point.hpp"
#include "measure/worker.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;
using statchan::nanoseconds;

struct Listener {
    Histogram histogram;
    Clock::time_point from;  // those that were due earlier are warm-up
    std::uint64_t wrong = 0;

    void take(const statchan::Batch& batch) {
        const auto now = Clock::now();
        for (const auto& sample : batch.samples()) {
            if (!is_genuine(sample)) ++wrong;
            if (sample.time() < from) continue;
            const auto delay = (now - sample.time()).count();
            histogram.add(delay > 0 ? static_cast<std::uint64_t>(delay) : 0);
        }
    }
};

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

}  // namespace

statchan::results::Point measure_latency(const Job& job) {
    auto point = job.label;
    const auto& load = point.load();
    run_on_last_cpu();
    auto client = statchan::Client::open({.transport = point.transport()});
    auto control = statchan::Client::open({.transport = "ioctl"});
    if (!client || !control) {
        point.set_fault((client ? control.error() : client.error()).message());
        return point;
    }
    auto stream = client->subscribe(job.source, config_for(load));
    if (!stream) {
        point.set_fault(stream.error().message());
        return point;
    }
    const auto run = control->set_source(
        job.source,
        fmt::format("mode=paced context=softirq cpus={} size={} count=0 pps={} run=1", load.cpus(),
                    load.bytes(), static_cast<std::uint64_t>(job.rate) / load.cpus()));
    if (!run) point.set_fault(run.error().message());
    const auto start = Clock::now();
    Listener listener{.histogram = {}, .from = start + job.window / 4};
    const nanoseconds wait = is_busy(load) ? nanoseconds{0} : std::chrono::milliseconds{20};
    while (Clock::now() < start + job.window) {
        const auto batch = stream->next(wait);
        if (!batch) {
            point.set_fault(batch.error().message());
            break;
        }
        listener.take(*batch);
    }
    (void)control->set_source(job.source, "run=0");
    const auto stopped = stream->stop();
    const auto drained = read_to_end(
        *stream, [&](const auto& sample) { listener.wrong += is_genuine(sample) ? 0U : 1U; });
    if (!stopped || !drained) point.set_fault((stopped ? drained : stopped).error().message());
    add_quantiles(point, listener.histogram);
    close_books(point, *stream, listener.wrong);
    return point;
}

}  // namespace statctl::measure
