// SPDX-License-Identifier: MIT
#include "measure/compare.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <statchan/statchan.hpp>
#include <thread>
#include <utility>

#include "measure/environment.hpp"
#include "measure/points.hpp"
#include "measure/primitives.hpp"
#include "measure/spread.hpp"
#include "measure/worker.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;
using statchan::Capability;
using statchan::results::Load;
using statchan::results::Point;
using std::chrono::milliseconds;

// A load and what measures it, for all transports that are capable of it.
struct Item {
    std::string workload;
    Load load;
    Capability needs;
    milliseconds window;
    Point (*measure)(const Job&);
    bool front_ends_only = false;  // control operations have two front ends, not five
};

struct Plan {
    std::vector<Item> items;
    unsigned repeat = 1;
};

Load load_of(std::uint64_t bytes) {
    Load load;
    load.set_bytes(bytes);
    load.set_readers(1);
    load.set_source("synth");
    return load;
}

class Planner {
  public:
    explicit Planner(const CompareOptions& options) : options_{options} {
        plan_.repeat = options.repeat != 0 ? options.repeat : options.quick ? 3 : 5;
    }

    Plan make() {
        if (wanted("snapshot")) snapshots();
        if (wanted("samples")) samples();
        if (wanted("latency")) latency();
        if (wanted("control")) control();
        return std::move(plan_);
    }

  private:
    [[nodiscard]] bool wanted(std::string_view workload) const {
        const auto& names = options_.workloads;
        return names.empty() || std::find(names.begin(), names.end(), workload) != names.end();
    }
    [[nodiscard]] std::vector<std::uint64_t> sizes(std::vector<std::uint64_t> quick,
                                                   std::vector<std::uint64_t> whole) const {
        if (!options_.sizes.empty()) return options_.sizes;
        return options_.quick ? std::move(quick) : std::move(whole);
    }

    void snapshots() {
        constexpr std::uint64_t K = 1024, M = K * K;
        const auto window = milliseconds{options_.quick ? 120 : 1000};
        const auto add = [&](Load load) {
            plan_.items.push_back(
                {"snapshot", std::move(load), Capability::snapshot, window, measure_snapshots});
        };
        const auto all = sizes({4 * K, 64 * K, M, 16 * M},
                               {4 * K, 16 * K, 64 * K, 256 * K, M, 4 * M, 16 * M, 64 * M});
        for (const auto bytes : all) add(load_of(bytes));
        // The rest with one of them: what is usual, or the first that was asked for.
        auto load = load_of(options_.sizes.empty() ? M : all.front());
        load.set_churn(true);
        add(load);
        if (options_.quick) return;
        for (const unsigned readers : {2U, 4U, 8U}) {
            load.set_churn(false);
            load.set_readers(readers);
            add(load);
        }
    }

    [[nodiscard]] Load samples_load(std::uint64_t bytes, const char* policy) const {
        auto load = load_of(bytes);
        load.set_cpus(1);
        load.set_policy(policy);
        load.set_buffer(1U << 20U);
        return load;
    }

    void samples() {
        const auto window = milliseconds{options_.quick ? 200 : 1000};
        const auto add = [&](Load load) {
            plan_.items.push_back(
                {"samples", std::move(load), Capability::samples, window, measure_samples});
        };
        for (const auto bytes : sizes({64, 256, 1024}, {64, 128, 256, 512, 1024, 2048, 4096}))
            for (const auto* policy : {"busy", "batch64"}) add(samples_load(bytes, policy));
        // One thing at a time is changed from here.
        add(samples_load(256, "each"));
        add(samples_load(256, "timeout"));
        const auto cpus = std::max(1U, std::thread::hardware_concurrency());
        auto load = samples_load(256, "batch64");
        load.set_cpus(cpus);
        if (cpus > 1) add(load);
        if (options_.quick) return;
        for (const std::uint64_t buffer : {64U << 10U, 256U << 10U, 4U << 20U, 16U << 20U}) {
            load = samples_load(256, "batch64");
            load.set_buffer(buffer);
            add(load);
        }
    }

    void latency() {
        const auto window = milliseconds{options_.quick ? 400 : 5000};
        const auto add = [&](Load load) {
            plan_.items.push_back(
                {"latency", std::move(load), Capability::samples, window, measure_latency});
        };
        auto load = samples_load(128, "batch64");
        std::vector<double> rates = options_.rates;
        if (rates.empty())
            rates = options_.quick ? std::vector<double>{1000, 20000}
                                   : std::vector<double>{100, 1000, 10000, 50000, 100000};
        for (const auto rate : rates) {
            load.set_rate(rate);
            add(load);
        }
        load.set_rate(0);
        const std::vector<double> shares =
            options_.quick ? std::vector<double>{0.5} : std::vector<double>{0.1, 0.5, 0.8, 0.95};
        for (const auto share : shares) {
            load.set_share(share);
            add(load);
        }
    }

    void control() {
        plan_.items.push_back(
            {"control", load_of(0), Capability::samples, milliseconds{100}, measure_control, true});
        for (const unsigned readers : {1U, 8U}) {
            auto load = load_of(0);
            load.set_readers(readers);
            plan_.items.push_back(
                {"events", load, Capability::samples, milliseconds{100}, measure_control, true});
        }
    }

    const CompareOptions& options_;
    Plan plan_;
};

// A synth of our own for the time of a point, or of several.
class OwnSource {
  public:
    OwnSource() = default;
    OwnSource(const OwnSource&) = delete;
    OwnSource& operator=(const OwnSource&) = delete;
    ~OwnSource() { drop(); }

    // Sized so that a snapshot has @p bytes of counters; 0: few.
    statchan::Result<std::string> with(std::uint64_t bytes) {
        if (!name_.empty() && bytes == bytes_) return name_;
        drop();
        auto client = statchan::Client::open({.transport = "ioctl"});
        if (!client) return tl::unexpected(std::move(client.error()));
        const auto name = fmt::format("compare{}", ::getpid());
        const auto counters = std::max<std::uint64_t>(bytes / 8, 8);
        const auto fields = std::min<std::uint64_t>(counters, 512);
        auto added = client->add_source(
            name, "synth",
            fmt::format("run=0 queues=0 ports={} fields={}", counters / fields, fields));
        if (!added) return tl::unexpected(std::move(added.error()));
        name_ = name;
        bytes_ = bytes;
        return name_;
    }

  private:
    void drop() {
        if (name_.empty()) return;
        if (auto client = statchan::Client::open({.transport = "ioctl"}))
            (void)client->remove_source(name_);
        name_.clear();
    }
    std::string name_;
    std::uint64_t bytes_ = 0;
};

std::string key_of(const Point& point) {
    return point.workload() + "/" + point.transport() + "/" + point.load().SerializeAsString();
}

// Repetitions of one point: each metric gets all its values.
class Merged {
  public:
    void add(const Point& one) {
        const auto key = key_of(one);
        auto [at, fresh] = index_.try_emplace(key, points_.size());
        if (fresh) {
            points_.push_back(one);
            return;
        }
        auto& all = points_[at->second];
        for (const auto& metric : one.metrics()) merge(all, metric);
        merge(*all.mutable_books(), one.books());
        if (all.fault().empty()) all.set_fault(one.fault());
        for (const auto& [upper, count] : zip(one.latency())) latency_[key][upper] += count;
    }

    [[nodiscard]] const Point* find(const Point& label) const {
        const auto at = index_.find(key_of(label));
        return at == index_.end() ? nullptr : &points_[at->second];
    }
    [[nodiscard]] const std::vector<Point>& points() const noexcept { return points_; }

    // Histograms of all repetitions go together.
    void finish() {
        for (auto& point : points_) {
            auto& more = latency_[key_of(point)];
            for (const auto& [upper, count] : zip(point.latency())) more[upper] += count;
            point.mutable_latency()->Clear();
            for (const auto& [upper, count] : more) {
                point.mutable_latency()->add_upper_ns(upper);
                point.mutable_latency()->add_count(count);
            }
        }
    }

  private:
    static std::vector<std::pair<std::uint64_t, std::uint64_t>> zip(
        const statchan::results::Histogram& h) {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs;
        for (int i = 0; i < std::min(h.upper_ns_size(), h.count_size()); ++i)
            pairs.emplace_back(h.upper_ns(i), h.count(i));
        return pairs;
    }
    static void merge(Point& all, const statchan::results::Metric& one) {
        for (auto& metric : *all.mutable_metrics()) {
            if (metric.name() != one.name()) continue;
            std::vector<double> values(metric.value().values().begin(),
                                       metric.value().values().end());
            values.insert(values.end(), one.value().values().begin(), one.value().values().end());
            *metric.mutable_value() = spread_of(values);
            return;
        }
        *all.add_metrics() = one;
    }
    static void merge(statchan::results::Books& all, const statchan::results::Books& one) {
        all.set_produced(all.produced() + one.produced());
        all.set_received(all.received() + one.received());
        for (const auto& [reason, count] : one.lost()) (*all.mutable_lost())[reason] += count;
        all.set_closes(all.closes() && one.closes());
        all.set_digests_checked(all.digests_checked() + one.digests_checked());
        all.set_digests_wrong(all.digests_wrong() + one.digests_wrong());
    }

    std::vector<Point> points_;
    std::map<std::string, std::size_t> index_;
    std::map<std::string, std::map<std::uint64_t, std::uint64_t>> latency_;
};

statchan::Result<std::vector<statchan::TransportInfo>> choose(const CompareOptions& options) {
    const auto all = statchan::transports();
    std::vector<statchan::TransportInfo> chosen;
    if (options.transports.empty()) {
        for (const auto& transport : all)
            if (transport.unusable.empty())
                chosen.push_back(transport);
            else
                fmt::print(stderr, "statctl: note: without {}: {}\n", transport.name,
                           transport.unusable);
        return chosen;
    }
    for (const auto& name : options.transports) {
        const auto at =
            std::find_if(all.begin(), all.end(), [&](const auto& t) { return t.name == name; });
        if (at == all.end())
            return tl::unexpected(statchan::Error{
                make_error_code(statchan::errc::unknown_transport), "compare transports",
                fmt::format("there is no '{}'", name), "see statctl transports"});
        chosen.push_back(*at);
    }
    return chosen;
}

bool takes_part(const Item& item, const statchan::TransportInfo& transport) {
    if (!transport.capabilities.has(item.needs)) return false;
    if (!item.front_ends_only) return true;
    return transport.name == "ioctl" || transport.capabilities.has(Capability::events);
}

class Experiment {
  public:
    Experiment(Plan plan, std::vector<statchan::TransportInfo> transports, const Progress& progress,
               const std::function<bool()>& stop)
        : plan_{std::move(plan)},
          transports_{std::move(transports)},
          progress_{progress},
          stop_{stop} {
        for (const auto& item : plan_.items)
            for (const auto& transport : transports_)
                all_ += takes_part(item, transport) ? plan_.repeat : 0;
    }

    // Whether it came to its end.
    statchan::Result<bool> run() {
        for (const auto& item : plan_.items) {
            const bool large = item.workload == "snapshot";
            auto source = source_.with(large ? item.load.bytes() : 0);
            if (!source) return tl::unexpected(std::move(source.error()));
            for (unsigned round = 0; round < plan_.repeat; ++round)
                for (const auto& transport : transports_) {
                    if (!takes_part(item, transport)) continue;
                    if (stop_()) return false;
                    one(item, transport.name, *source);
                }
        }
        return true;
    }
    [[nodiscard]] Merged& merged() noexcept { return merged_; }

  private:
    void one(const Item& item, const std::string& transport, const std::string& source) {
        Job job{.label = {}, .source = source, .window = item.window, .rate = item.load.rate()};
        job.label.set_workload(item.workload);
        job.label.set_transport(transport);
        *job.label.mutable_load() = item.load;
        const auto took = std::chrono::duration<double>(Clock::now() - start_).count();
        progress_(
            done_, all_,
            done_ == 0 ? 0 : took / static_cast<double>(done_) * static_cast<double>(all_ - done_),
            job.label);
        ++done_;
        if (item.load.share() != 0) {
            job.rate = capacity(transport) * item.load.share();
            if (job.rate < 1)
                return;  // its saturation was not measured: nothing to have a share of
        }
        merged_.add(in_fresh_process(job.label, std::chrono::seconds{60},
                                     [&] { return item.measure(job); }));
    }

    // What the transport delivered at most, of small records with this policy.
    [[nodiscard]] double capacity(const std::string& transport) const {
        double most = 0;
        for (const auto& point : merged_.points()) {
            if (point.workload() != "samples" || point.transport() != transport) continue;
            if (point.load().policy() != "batch64" || point.load().bytes() > 256) continue;
            if (const auto* delivered = find_metric(point, "delivered"))
                most = std::max(most, delivered->value().median());
        }
        return most;
    }

    Plan plan_;
    std::vector<statchan::TransportInfo> transports_;
    const Progress& progress_;
    const std::function<bool()>& stop_;
    OwnSource source_;
    Merged merged_;
    std::size_t done_ = 0;
    std::size_t all_ = 0;
    Clock::time_point start_ = Clock::now();
};

}  // namespace

statchan::Result<statchan::results::Results> compare(const CompareOptions& options,
                                                     const Progress& progress,
                                                     const std::function<bool()>& stop) {
    for (const auto& name : options.workloads)
        if (std::find(std::begin(workload_names), std::end(workload_names), name) ==
            std::end(workload_names))
            return tl::unexpected(statchan::Error{
                std::make_error_code(std::errc::invalid_argument), "compare transports",
                fmt::format("there is no workload '{}'", name),
                "there are: snapshot, samples, latency, control"});
    auto transports = choose(options);
    if (!transports) return tl::unexpected(std::move(transports.error()));
    statchan::results::Results results;
    results.set_version(1);
    results.set_unix_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(
                            std::chrono::system_clock::now().time_since_epoch())
                            .count());
    *results.mutable_environment() = environment();
    const auto start = Clock::now();
    // What a cost is made of belongs beside it; who asks for a part of the experiment knows.
    if (options.workloads.empty())
        for (auto& primitive : calibrate({.user_only = false, .quick = options.quick}))
            *results.add_primitives() = std::move(primitive);
    Experiment experiment{Planner{options}.make(), std::move(*transports), progress, stop};
    const auto complete = experiment.run();
    if (!complete) return tl::unexpected(complete.error());
    experiment.merged().finish();
    for (const auto& point : experiment.merged().points()) *results.add_points() = point;
    results.set_complete(*complete);
    results.set_seconds(std::chrono::duration<double>(Clock::now() - start).count());
    return results;
}

std::size_t faults(const statchan::results::Results& results) {
    return static_cast<std::size_t>(
        std::count_if(results.points().begin(), results.points().end(),
                      [](const auto& p) { return !p.fault().empty(); }));
}

}  // namespace statctl::measure
