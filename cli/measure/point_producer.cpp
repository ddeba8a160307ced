// SPDX-License-Identifier: MIT
//
// Workload producer: what a record costs the CPU that emits it, while nobody reads, and then the
// thread that reads it, while nobody emits. The source is told to emit so many and to return, once
// few and once many: the difference is free of what starting a run costs, and the quickest of
// several runs of what else the machine does. A thread of the kernel emits; what interrupts spend
// there on behalf of the transport is in it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "measure/experiment.hpp"
#include "measure/stream_point.hpp"
#include "measure/usage.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int rounds = 5;
constexpr double at_most = 11000;

// Records that surely fit in the buffer, with their heads.
double records_for(const statchan::results::Load& load) {
    const auto each = static_cast<double>(load.bytes()) + 64;
    return std::min(at_most, std::floor(static_cast<double>(load.buffer()) * 0.75 / each));
}

struct Cost {
    double produce = std::numeric_limits<double>::max();  // nanoseconds, of all
    double consume = produce;
};

// Takes so many; what that cost the thread.
std::optional<double> consume(StreamPoint& self, double records) {
    const auto before = thread_time();
    for (double left = records; left > 0;) {
        const auto batch = self.next(std::chrono::seconds{5});
        if (!batch) return std::nullopt;
        if (batch->empty() || batch->gap_count() != 0) {
            self.fail(
                fmt::format("of {:.0f} records not all came: with losses this is not what "
                            "one costs",
                            records));
            return std::nullopt;
        }
        std::uint64_t sum = 0;
        for (const auto& sample : batch->samples())
            sum += sample.seq() + sample.payload().size(), --left;
        use(&sum);
    }
    self.release();
    return static_cast<double>((thread_time() - before).count());
}

// So many are emitted, then read.
bool transfer(StreamPoint& self, double records, Cost& least) {
    const auto start = Clock::now();
    if (!self.generate(fmt::format("emit={:.0f}", records))) return false;
    const std::chrono::duration<double, std::nano> took = Clock::now() - start;
    const auto consumed = consume(self, records * self.load().cpus());
    if (!consumed) return false;
    least.produce = std::min(least.produce, took.count());
    least.consume = std::min(least.consume, *consumed);
    return true;
}

void produce(StreamPoint& self) {
    const auto& load = self.load();
    if (!self.generate(
            fmt::format("run=0 context=process cpus={} size={}", load.cpus(), load.bytes())))
        return;
    const auto many = records_for(load);
    const auto few = std::floor(many / 11);
    Cost warm_up, a, b;
    if (!transfer(self, few, warm_up)) return;
    for (int i = 0; i < rounds; ++i)
        if (!transfer(self, few, a) || !transfer(self, many, b)) return;
    const auto each = (b.produce - a.produce) / (many - few);
    add_metric(self.point(), "producer.alone", "ns/record", each);
    add_metric(self.point(), "accepted", "1/s", load.cpus() * 1e9 / each);
    add_metric(self.point(), "consumer.alone", "ns/record",
               (b.consume - a.consume) / (many - few) / load.cpus());
}

}  // namespace

statchan::results::Point measure_producer(const Job& job) { return StreamPoint::run(job, produce); }

}  // namespace statctl::measure
