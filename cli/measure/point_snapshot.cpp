// SPDX-License-Identifier: MIT
//
// Workload snapshot. At rest all share one generation (max_age), so what is measured is the
// carrying alone; under churn each takes a new one, so the driver's part is in it. "call" ends when
// the snapshot is there, "time" when every counter has been read once: what zero copy saves in the
// one it may spend in the other.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <statchan/statchan.hpp>
#include <thread>
#include <vector>

#include "measure/points.hpp"
#include "measure/spread.hpp"
#include "measure/usage.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;
using statchan::nanoseconds;

constexpr std::size_t warm_up = 3;
constexpr std::size_t least = 5;
constexpr std::size_t most = 2000;

double ns(nanoseconds d) { return static_cast<double>(d.count()); }

// What one reader found.
struct Reading {
    std::vector<double> call;
    std::vector<double> time;
    std::vector<double> staleness;
    double thread_ns = 0;
    std::optional<std::uint64_t> system_calls;
    std::uint64_t checked = 0;
    std::uint64_t wrong = 0;
    std::uint64_t digest = 0;
    std::string fault;
};

class SnapshotReader {
  public:
    SnapshotReader(const Job& job, nanoseconds max_age)
        : job_{job}, options_{.max_age = max_age, .digest = false} {}

    Reading run() {
        auto client = statchan::Client::open({.transport = job_.label.transport()});
        if (!client) return fault(client.error());
        for (std::size_t i = 0; i < warm_up; ++i)
            if (auto taken = client->snapshot(job_.source, options_); !taken)
                return fault(taken.error());
        SystemCalls calls;
        const auto spent = thread_time();
        const auto end = Clock::now() + job_.window;
        while (found_.time.size() < most && (Clock::now() < end || found_.time.size() < least))
            if (!once(*client)) return std::move(found_);
        found_.thread_ns = ns(thread_time() - spent);
        found_.system_calls = calls.count();
        check(*client);
        return std::move(found_);
    }

  private:
    Reading fault(const statchan::Error& error) {
        found_.fault = error.message();
        return std::move(found_);
    }

    bool once(statchan::Client& client) {
        const auto start = Clock::now();
        // Without the digest, which reads all the memory.
        auto snapshot = client.snapshot(job_.source, options_);
        const auto called = Clock::now();
        if (!snapshot) {
            found_.fault = snapshot.error().message();
            return false;
        }
        const auto counters = snapshot->counters();
        sum_ += std::accumulate(counters.begin(), counters.end(), std::uint64_t{0});
        const auto read = Clock::now();
        found_.call.push_back(ns(called - start));
        found_.time.push_back(ns(read - start));
        found_.staleness.push_back(ns(called - snapshot->info().end));
        return true;
    }

    void check(statchan::Client& client) {
        auto options = options_;
        options.digest = true;
        const auto snapshot = client.snapshot(job_.source, options);
        if (!snapshot) {
            found_.fault = snapshot.error().message();
            return;
        }
        ++found_.checked;
        found_.digest = snapshot->digest();
        if (snapshot->kernel_digest() != found_.digest) ++found_.wrong;
    }

    const Job& job_;
    statchan::SnapshotOptions options_;
    Reading found_;
    std::uint64_t sum_ = 0;
};

void gather(statchan::results::Point& point, std::vector<Reading>& readings, MachineTime spent,
            double seconds) {
    std::vector<double> call, time, staleness;
    double bytes = 0, thread_ns = 0, calls = 0;
    bool counted = true;
    auto& books = *point.mutable_books();
    for (auto& r : readings) {
        if (!r.fault.empty()) point.set_fault(r.fault);
        call.insert(call.end(), r.call.begin(), r.call.end());
        time.insert(time.end(), r.time.begin(), r.time.end());
        staleness.insert(staleness.end(), r.staleness.begin(), r.staleness.end());
        bytes += static_cast<double>(r.time.size() * point.load().bytes());
        thread_ns += r.thread_ns;
        counted = counted && r.system_calls;
        calls += static_cast<double>(r.system_calls.value_or(0));
        books.set_digests_checked(books.digests_checked() + r.checked);
        books.set_digests_wrong(books.digests_wrong() + r.wrong);
    }
    if (time.empty()) return;
    books.set_received(time.size());
    books.set_closes(books.digests_wrong() == 0 && books.digests_checked() != 0);
    const auto n = static_cast<double>(time.size());
    add_metric(point, "time.p50", "ns", quantile(time, 0.5));
    add_metric(point, "time.p99", "ns", quantile(time, 0.99));
    add_metric(point, "time.max", "ns", quantile(time, 1));
    add_metric(point, "call.p50", "ns", quantile(call, 0.5));
    add_metric(point, "staleness.p50", "ns", quantile(staleness, 0.5));
    add_metric(point, "throughput", "B/s", bytes / seconds);
    add_metric(point, "reader.per_kb", "ns/KB", thread_ns / bytes * 1024);
    add_metric(point, "cpu.user.per_kb", "ns/KB", spent.user * 1e9 / bytes * 1024);
    add_metric(point, "cpu.kernel.per_kb", "ns/KB", spent.kernel * 1e9 / bytes * 1024);
    add_metric(point, "cpu.softirq.per_kb", "ns/KB", spent.softirq * 1e9 / bytes * 1024);
    if (counted) add_metric(point, "system_calls", "1", calls / n);
}

}  // namespace

statchan::results::Point measure_snapshots(const Job& job) {
    auto point = job.label;
    const bool churn = point.load().churn();
    const nanoseconds max_age = churn ? nanoseconds{0} : nanoseconds{std::chrono::hours{1}};
    std::vector<Reading> readings(std::max<std::size_t>(1, point.load().readers()));
    const auto before = MachineTime::now();
    const auto start = Clock::now();
    std::vector<std::thread> threads;
    for (auto& reading : readings)
        threads.emplace_back([&] { reading = SnapshotReader{job, max_age}.run(); });
    for (auto& thread : threads) thread.join();
    const std::chrono::duration<double> took = Clock::now() - start;
    gather(point, readings, MachineTime::now() - before, took.count());
    return point;
}

}  // namespace statctl::measure
