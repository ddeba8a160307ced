// SPDX-License-Identifier: MIT
//
// Workload samples: producers without pause on the first CPUs, one consumer on the last. Nothing is
// timestamped per record. What is delivered is checked after the window, when it costs nobody.
#include <fmt/format.h>

#include "measure/experiment.hpp"
#include "measure/stream_point.hpp"
#include "measure/usage.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;

// All that grows, at one moment.
struct Moment {
    Clock::time_point time = Clock::now();
    statchan::StreamLedgerEntry ledger;
    MachineTime machine = MachineTime::now();
    statchan::nanoseconds thread = thread_time();
    statchan::nanoseconds thread_kernel = thread_kernel_time();
};

std::optional<Moment> moment(StreamPoint& self) {
    const auto ledger = self.totals();
    if (!ledger) return std::nullopt;
    return Moment{.ledger = *ledger};
}

// Takes batches until the time is over. The head of each record is read, as any program does.
bool consume(StreamPoint& self, Clock::time_point end) {
    std::uint64_t sum = 0;
    const auto wait = patience(self.load());
    while (Clock::now() < end) {
        const auto batch = self.next(wait);
        if (!batch) return false;
        for (const auto& sample : batch->samples()) sum += sample.seq() + sample.payload().size();
    }
    self.release();
    use(&sum);
    return true;
}

void add_rates(StreamPoint& self, const Moment& a, const Moment& b) {
    auto& point = self.point();
    const auto& load = self.load();
    const auto seconds = std::chrono::duration<double>(b.time - a.time).count();
    const auto produced =
        static_cast<double>(b.ledger.produced.value_or(0) - a.ledger.produced.value_or(0));
    const auto received = static_cast<double>(b.ledger.received - a.ledger.received);
    const auto accepted =
        static_cast<double>(b.ledger.accepted.value_or(0) - a.ledger.accepted.value_or(0));
    const auto bytes = static_cast<double>(b.ledger.bytes.value_or(0) - a.ledger.bytes.value_or(0));
    add_metric(point, "offered", "1/s", produced / seconds);
    add_metric(point, "accepted", "1/s", accepted / seconds);
    add_metric(point, "delivered", "1/s", received / seconds);
    add_metric(point, "lost", "1/s",
               static_cast<double>(losses(b.ledger) - losses(a.ledger)) / seconds);
    // heads included; those that are on their way are as long as the others
    if (accepted > 0) add_metric(point, "throughput", "B/s", bytes / accepted * received / seconds);
    if (!self.job().foreign && produced > 0)
        add_metric(point, "producer", "ns/record", seconds * 1e9 * load.cpus() / produced);
    if (received == 0) return;
    const auto spent = b.machine - a.machine;
    add_metric(point, "consumer", "ns/record",
               static_cast<double>((b.thread - a.thread).count()) / received);
    add_metric(point, "consumer.kernel", "ns/record",
               static_cast<double>((b.thread_kernel - a.thread_kernel).count()) / received);
    add_metric(point, "cpu.total", "ns/record", spent.total() * 1e9 / received);
    add_metric(point, "cpu.user", "ns/record", spent.user * 1e9 / received);
    add_metric(point, "cpu.kernel", "ns/record", spent.kernel * 1e9 / received);
    add_metric(point, "cpu.softirq", "ns/record", spent.softirq * 1e9 / received);
    add_metric(point, "wakeups", "1/record",
               static_cast<double>(b.ledger.wakeups.value_or(0) - a.ledger.wakeups.value_or(0)) /
                   received);
}

// In a time of its own: what counts them makes each dearer. Not where others are busy: usage.hpp.
void count_calls(StreamPoint& self, const Moment& before) {
    if (self.job().foreign) return;
    SystemCalls calls;
    if (!consume(self, Clock::now() + self.job().window / 4)) return;
    const auto count = calls.count();
    const auto after = self.totals();
    if (!count || !after || after->received == before.ledger.received) return;
    add_metric(self.point(), "system_calls", "1/record",
               static_cast<double>(*count) /
                   static_cast<double>(after->received - before.ledger.received));
}

void saturate(StreamPoint& self) {
    const auto& load = self.load();
    const auto& job = self.job();
    if (!self.generate(
            fmt::format("mode=back-to-back context=process cpus={} size={} count=0 run=1",
                        load.cpus(), load.bytes())))
        return;
    if (!consume(self, Clock::now() + job.window / 4)) return;  // warm-up
    const auto before = moment(self);
    if (!before || !consume(self, before->time + job.window)) return;
    const auto after = moment(self);
    if (!after) return;
    add_rates(self, *before, *after);
    count_calls(self, *after);
}

}  // namespace

statchan::results::Point measure_samples(const Job& job) {
    const auto before = own_memory();
    return StreamPoint::run(job, [before](StreamPoint& self) {
        saturate(self);
        add_metric(self.point(), "memory", "B",
                   static_cast<double>(own_memory() - before + self.kernel_memory()));
    });
}

}  // namespace statctl::measure
