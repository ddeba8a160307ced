// SPDX-License-Identifier: MIT
//
// One transport under one load, measured once. Each of these is one file, point_NAME.cpp, and runs
// in a process of its own.
#pragma once

#include <results.pb.h>

#include <chrono>
#include <string>
#include <string_view>

namespace statctl::measure {

/// What to measure: of label the workload, the transport and the load count.
struct Job {
    statchan::results::Point label{};
    std::string source{};  ///< a synth that nobody else uses, or
    bool foreign = false;  ///< somebody else's, which is left as it is
    std::chrono::milliseconds window{300};
    double rate = 0;  ///< workload latency: records per second in all
};

/// The snapshot, over and over: how long it takes until every counter has been read.
[[nodiscard]] statchan::results::Point measure_snapshots(const Job& job);
/// A producer without pause: what arrives, what is lost, what it costs.
[[nodiscard]] statchan::results::Point measure_samples(const Job& job);
/// What the producer alone spends on a record: nobody reads meanwhile.
[[nodiscard]] statchan::results::Point measure_producer(const Job& job);
/// The highest rate at which nothing is lost.
[[nodiscard]] statchan::results::Point measure_lossless(const Job& job);
/// A producer on schedule: how long after its due time each record arrives.
[[nodiscard]] statchan::results::Point measure_latency(const Job& job);
/// Setting and asking, and events to many.
[[nodiscard]] statchan::results::Point measure_control(const Job& job);

/// Bytes per CPU of the channels that are compared, but where the buffer is what is varied.
inline constexpr std::uint64_t usual_buffer = 1U << 20U;

/// Whether only its size or rate is its own: one reader, one producer, 64 records to a wakeup, the
/// usual buffer, and it adds up. What lies between such points can be told from them.
[[nodiscard]] bool is_plain(const statchan::results::Point& point);

/// Whether a point of workload latency has such a quantile: ten records or more of each process
/// took longer, and fewer than that share never came.
[[nodiscard]] bool has_quantile(const statchan::results::Point& point, double quantile);

/// Adds a metric of one value.
void add_metric(statchan::results::Point& point, std::string_view name, std::string_view unit,
                double value);
/// The metric of that name, or nothing.
[[nodiscard]] const statchan::results::Metric* find_metric(const statchan::results::Point& point,
                                                           std::string_view name);
/// The point of another run with the same workload, transport and load, or nothing.
[[nodiscard]] const statchan::results::Point* same_point(const statchan::results::Results& results,
                                                         const statchan::results::Point& wanted);

}  // namespace statctl::measure
