// SPDX-License-Identifier: MIT
//
// Workload snapshot. At rest all share one generation (max_age), so what is measured is the
// carrying alone; under churn each takes a new one, so the driver's part is in it. "call" ends when
// the snapshot is there, "time" when every counter has been read once: what zero copy saves in the
// one it may spend in the other.
#include <fmt/format.h>

#include <algorithm>
#include <latch>
#include <numeric>
#include <optional>
#include <statchan/statchan.hpp>
#include <thread>
#include <vector>

#include "measure/experiment.hpp"
#include "measure/genuine.hpp"
#include "measure/points.hpp"
#include "measure/spread.hpp"
#include "measure/usage.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;
using statchan::nanoseconds;

constexpr int warm_up = 3;
constexpr std::size_t most = 2000;
constexpr nanoseconds live_period = std::chrono::milliseconds{10};

double ns(Clock::duration d) { return static_cast<double>(d.count()); }

// What one reader found.
struct Reading {
    std::vector<double> call;
    std::vector<double> time;
    std::vector<double> staleness;
    double thread_ns = 0;
    std::optional<std::uint64_t> system_calls;  // of one snapshot
    bool slow = false;                          // so that one is enough to be warm, and one to tell
    std::uint64_t retries = 0;
    std::uint64_t checked = 0;
    std::uint64_t wrong = 0;
    double elapsed = 0;
    std::string fault;

    template <class T>
    bool good(const statchan::Result<T>& result) {
        if (!result) fault = result.error().message();
        return result.has_value();
    }
};

// Every counter is read, whatever the compiler thinks of it.
void read_all(std::span<const std::uint64_t> counters) {
    const auto sum = std::accumulate(counters.begin(), counters.end(), std::uint64_t{0});
    use(&sum);
}

// A snapshot each time, by a call.
class Taken {
  public:
    Taken(statchan::Client& client, const Job& job)
        : client_{client},
          job_{job},
          options_{.max_age = job.label.load().churn() ? nanoseconds{0}
                                                       : nanoseconds{std::chrono::hours{1}},
                   .digest = false} {}  // which would read all the memory

    bool once(Reading& found, bool counts) {
        const auto start = Clock::now();
        auto snapshot = client_.snapshot(job_.source, options_);
        const auto called = Clock::now();
        if (!found.good(snapshot)) return false;
        read_all(snapshot->counters());
        const auto read = Clock::now();
        if (!counts) return true;
        found.call.push_back(ns(called - start));
        found.time.push_back(ns(read - start));
        found.staleness.push_back(ns(called - snapshot->info().end));
        return true;
    }

    void check(Reading& found) {
        options_.digest = true;
        const auto snapshot = client_.snapshot(job_.source, options_);
        if (!found.good(snapshot)) return;
        ++found.checked;
        if (snapshot->kernel_digest() != snapshot->digest()) ++found.wrong;
    }

  private:
    statchan::Client& client_;
    const Job& job_;
    statchan::SnapshotOptions options_;
};

// The kernel refreshes, the reader makes no call.
class Live {
  public:
    explicit Live(statchan::LiveSnapshot& live) : live_{live} {}

    bool once(Reading& found, bool counts) {
        const auto start = Clock::now();
        const auto read =
            live_.read([](const statchan::SnapshotView& view) { read_all(view.counters()); });
        const auto end = Clock::now();
        if (!found.good(read)) return false;
        if (!counts) return true;
        found.time.push_back(ns(end - start));
        found.staleness.push_back(ns(read->staleness));
        found.retries += read->retries;
        return true;
    }

    void check(Reading& found) {
        const auto copy = live_.copy();
        if (!found.good(copy)) return;
        ++found.checked;
        if (!is_genuine(*copy)) ++found.wrong;
    }

  private:
    statchan::LiveSnapshot& live_;
};

// One reader counts its system calls, alone. Then all warm up, measure in the same window, and
// check: none does one while another does the other.
struct Window {
    explicit Window(std::ptrdiff_t readers)
        : counted{readers}, begin{readers + 1}, end{readers + 1} {}
    std::latch counted;
    std::latch begin;
    std::latch end;
};

template <class Way>
bool count_calls(Way& way, bool foreign, Reading& found) {
    std::optional<SystemCalls> calls;
    if (!foreign) calls.emplace();  // others are busy: usage.hpp
    if (!way.once(found, false)) return false;
    if (calls) found.system_calls = calls->count();
    return true;
}

template <class Way>
void measure(Way& way, std::chrono::milliseconds window, Reading& found) {
    const std::size_t least = found.slow ? 1 : 5;
    const auto spent = thread_time();
    const auto start = Clock::now();
    while (found.time.size() < most && (Clock::now() < start + window || found.time.size() < least))
        if (!way.once(found, true)) return;
    found.elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    found.thread_ns = ns(thread_time() - spent);
}

template <class Way>
void read_over_and_over(Way way, const Job& job, Window& window, bool first, Reading& found) {
    const auto start = Clock::now();
    bool good = way.once(found, false);  // fetches the schema, too
    found.slow = Clock::now() - start > 10 * job.window;
    if (good && first && !found.slow) good = count_calls(way, job.foreign, found);
    window.counted.arrive_and_wait();
    for (int i = 0; good && !found.slow && i < warm_up; ++i) good = way.once(found, false);
    window.begin.arrive_and_wait();
    if (good) measure(way, job.window, found);
    window.end.arrive_and_wait();
    if (good) way.check(found);
}

// One reader from its beginning to its end.
void read(const Job& job, Window& window, bool first, Reading& found) {
    const auto none = [&] {
        window.counted.count_down();
        window.begin.count_down();
        window.end.count_down();
    };
    auto client = statchan::Client::open({.transport = job.label.transport()});
    if (!found.good(client)) return none();
    if (!job.label.load().live())
        return read_over_and_over(Taken{*client, job}, job, window, first, found);
    auto live = client->live(job.source, live_period);
    if (!found.good(live)) return none();
    read_over_and_over(Live{*live}, job, window, first, found);
}

void gather(statchan::results::Point& point, std::vector<Reading>& readings, MachineTime spent) {
    std::vector<double> call, time, staleness;
    double bytes = 0, per_second = 0, thread_ns = 0;
    std::uint64_t retries = 0;
    auto& books = *point.mutable_books();
    for (auto& r : readings) {
        if (!r.fault.empty()) point.set_fault(r.fault);
        retries += r.retries;
        call.insert(call.end(), r.call.begin(), r.call.end());
        time.insert(time.end(), r.time.begin(), r.time.end());
        staleness.insert(staleness.end(), r.staleness.begin(), r.staleness.end());
        const auto read = static_cast<double>(r.time.size() * point.load().bytes());
        bytes += read;
        if (r.elapsed > 0) per_second += read / r.elapsed;
        thread_ns += r.thread_ns;
        books.set_digests_checked(books.digests_checked() + r.checked);
        books.set_digests_wrong(books.digests_wrong() + r.wrong);
    }
    if (time.empty()) return;
    books.set_received(time.size());
    books.set_closes(books.digests_wrong() == 0 && books.digests_checked() == readings.size());
    if (!books.closes() && point.fault().empty())
        point.set_fault(
            fmt::format("{} snapshots of {} that were checked are not what the kernel has",
                        books.digests_wrong(), books.digests_checked()));
    const auto n = static_cast<double>(time.size());
    add_metric(point, "time.p50", "ns", quantile(time, 0.5));
    add_metric(point, "time.p99", "ns", quantile(time, 0.99));
    add_metric(point, "time.max", "ns", quantile(time, 1));
    if (!call.empty()) add_metric(point, "call.p50", "ns", quantile(call, 0.5));
    if (point.load().live()) add_metric(point, "retries", "1", static_cast<double>(retries) / n);
    add_metric(point, "staleness.p50", "ns", quantile(staleness, 0.5));
    add_metric(point, "throughput", "B/s", per_second);
    add_metric(point, "reader.per_kb", "ns/KB", thread_ns / bytes * 1024);
    add_metric(point, "cpu.user.per_kb", "ns/KB", spent.user * 1e9 / bytes * 1024);
    add_metric(point, "cpu.kernel.per_kb", "ns/KB", spent.kernel * 1e9 / bytes * 1024);
    add_metric(point, "cpu.softirq.per_kb", "ns/KB", spent.softirq * 1e9 / bytes * 1024);
    if (const auto calls = readings.front().system_calls)
        add_metric(point, "system_calls", "1", static_cast<double>(*calls));
}

}  // namespace

statchan::results::Point measure_snapshots(const Job& job) {
    auto point = job.label;
    std::vector<Reading> readings(std::max<std::size_t>(1, point.load().readers()));
    Window window{static_cast<std::ptrdiff_t>(readings.size())};
    const auto own = own_memory();
    std::vector<std::thread> threads;
    threads.reserve(readings.size());
    for (auto& reading : readings)
        threads.emplace_back([&] { read(job, window, &reading == &readings.front(), reading); });
    window.begin.arrive_and_wait();
    const auto before = MachineTime::now();
    // of the kernel's images the one that all share
    const auto held = own_memory() - own + point.load().bytes();
    window.end.arrive_and_wait();
    const auto spent = MachineTime::now() - before;
    for (auto& thread : threads) thread.join();
    gather(point, readings, spent);
    add_metric(point, "memory", "B", static_cast<double>(held));
    return point;
}

}  // namespace statctl::measure
