// SPDX-License-Identifier: MIT
//
// Workload samples: producers without pause on the first CPUs, one consumer on the last. Nothing is
// timestamped per record. What is delivered is checked after the window, when it costs nobody.
#include <fmt/format.h>

#include <statchan/statchan.hpp>

#include "measure/points.hpp"
#include "measure/stream_point.hpp"
#include "measure/usage.hpp"
#include "measure/worker.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;
using statchan::nanoseconds;

struct Window {
    std::uint64_t produced = 0;
    std::uint64_t received = 0;
    std::uint64_t wakeups = 0;
    std::uint64_t lost = 0;
};

Window read_window(const statchan::Stream& stream) {
    const auto ledger = stream.ledger();
    if (!ledger) return {};
    const auto total = ledger->total();
    Window w{total.produced.value_or(0), total.received, total.wakeups.value_or(0), 0};
    w.lost = total.lost_total();
    w.lost += total.gap_records.at(static_cast<std::size_t>(statchan::LostReason::socket_overrun));
    return w;
}

// Takes batches until the time is over. The first bytes of each record are read, as any program
// does.
std::uint64_t consume(statchan::Stream& stream, const statchan::results::Load& load,
                      Clock::time_point end, statchan::results::Point& point) {
    const nanoseconds wait = is_busy(load) ? nanoseconds{0} : std::chrono::milliseconds{20};
    std::uint64_t sum = 0;
    while (Clock::now() < end) {
        const auto batch = stream.next(wait);
        if (!batch) {
            point.set_fault(batch.error().message());
            break;
        }
        for (const auto& sample : batch->samples()) sum += sample.seq() + sample.payload().size();
    }
    stream.release();
    return sum;
}

void add_rates(statchan::results::Point& point, const Window& a, const Window& b, double seconds,
               MachineTime spent, double thread_ns) {
    const auto& load = point.load();
    const auto produced = static_cast<double>(b.produced - a.produced);
    const auto received = static_cast<double>(b.received - a.received);
    add_metric(point, "offered", "1/s", produced / seconds);
    add_metric(point, "delivered", "1/s", received / seconds);
    add_metric(point, "lost", "1/s", static_cast<double>(b.lost - a.lost) / seconds);
    add_metric(point, "throughput", "B/s", received * static_cast<double>(load.bytes()) / seconds);
    if (produced > 0)
        add_metric(point, "producer", "ns/record", seconds * 1e9 * load.cpus() / produced);
    if (received == 0) return;
    add_metric(point, "consumer", "ns/record", thread_ns / received);
    add_metric(point, "cpu.total", "ns/record", spent.total() * 1e9 / received);
    add_metric(point, "cpu.softirq", "ns/record", spent.softirq * 1e9 / received);
    add_metric(point, "wakeups", "1/record", static_cast<double>(b.wakeups - a.wakeups) / received);
}

}  // namespace

statchan::results::Point measure_samples(const Job& job) {
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
        job.source, fmt::format("mode=back-to-back context=process cpus={} size={} count=0 run=1",
                                load.cpus(), load.bytes()));
    if (!run) point.set_fault(run.error().message());
    consume(*stream, load, Clock::now() + job.window / 4, point);  // warm-up

    SystemCalls calls;
    const auto cpu = MachineTime::now();
    const auto thread = thread_time();
    const auto in_kernel = thread_kernel_time();
    const auto before = read_window(*stream);
    const auto start = Clock::now();
    const auto calls_before = calls.count();
    consume(*stream, load, start + job.window, point);
    const auto calls_after = calls.count();
    const std::chrono::duration<double> took = Clock::now() - start;
    const auto after = read_window(*stream);
    const auto thread_ns = static_cast<double>((thread_time() - thread).count());
    const auto kernel_ns = static_cast<double>((thread_kernel_time() - in_kernel).count());
    const auto spent = MachineTime::now() - cpu;

    (void)control->set_source(job.source, "run=0");
    std::uint64_t wrong = 0;
    const auto stopped = stream->stop();
    const auto drained =
        read_to_end(*stream, [&](const auto& sample) { wrong += is_genuine(sample) ? 0U : 1U; });
    if (!stopped || !drained) point.set_fault((stopped ? drained : stopped).error().message());
    add_rates(point, before, after, took.count(), spent, thread_ns);
    if (after.received != before.received)
        add_metric(point, "consumer.kernel", "ns/record",
                   kernel_ns / static_cast<double>(after.received - before.received));
    if (calls_before && calls_after && after.received != before.received)
        add_metric(point, "system_calls", "1/record",
                   static_cast<double>(*calls_after - *calls_before) /
                       static_cast<double>(after.received - before.received));
    const auto& effective = stream->effective();
    add_metric(point, "memory", "B",
               static_cast<double>(effective.buffer_size *
                                       client->version().value_or(statchan::Version{}).nr_cpus +
                                   effective.receive_buffer));
    close_books(point, *stream, wrong);
    return point;
}

}  // namespace statctl::measure
