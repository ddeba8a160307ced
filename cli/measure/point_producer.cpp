// SPDX-License-Identifier: MIT
//
// Workload producer: what a record costs the CPU that emits it, as long as nobody reads. The source
// is told to emit so many and to return, once few and once many: the difference is free of what
// starting a run costs, and the quickest of several runs of what else the machine does. A thread of
// the kernel emits; what interrupts spend there on behalf of the transport is in it.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "measure/stream_point.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int rounds = 15;
constexpr double few = 500;
constexpr double many = 3000;

// Nanoseconds until so many have been emitted; all of them are read afterwards.
std::optional<double> emit(StreamPoint& self, double records) {
    const auto start = Clock::now();
    if (!self.generate(fmt::format("emit={:.0f}", records))) return std::nullopt;
    const std::chrono::duration<double, std::nano> took = Clock::now() - start;
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
        for (const auto& sample : batch->samples()) self.check(sample), --left;
    }
    self.release();
    return took.count();
}

void produce(StreamPoint& self) {
    const auto& load = self.load();
    if (!self.generate(fmt::format("run=0 context=process cpus=1 size={}", load.bytes()))) return;
    auto least_few = std::numeric_limits<double>::max();
    auto least_many = least_few;
    for (int i = 0; i < rounds; ++i) {
        const auto a = emit(self, few);
        const auto b = a ? emit(self, many) : std::nullopt;
        if (!b) return;
        least_few = std::min(least_few, *a);
        least_many = std::min(least_many, *b);
    }
    add_metric(self.point(), "producer.alone", "ns/record",
               (least_many - least_few) / (many - few));
}

}  // namespace

statchan::results::Point measure_producer(const Job& job) { return StreamPoint::run(job, produce); }

}  // namespace statctl::measure
