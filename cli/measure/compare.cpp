// SPDX-License-Identifier: MIT
#include "measure/compare.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <statchan/statchan.hpp>
#include <utility>

#include "../remark.hpp"
#include "measure/environment.hpp"
#include "measure/merged.hpp"
#include "measure/own_source.hpp"
#include "measure/plan.hpp"
#include "measure/points.hpp"
#include "measure/primitives.hpp"
#include "measure/spread.hpp"
#include "measure/worker.hpp"
#include "measure/yardstick.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;
using statchan::Capability;
using statchan::results::Point;

statchan::Result<std::vector<statchan::TransportInfo>> choose(const CompareOptions& options) {
    const auto all = statchan::transports();
    std::vector<statchan::TransportInfo> chosen;
    if (options.transports.empty()) {
        for (const auto& transport : all)
            if (transport.unusable.empty())
                chosen.push_back(transport);
            else
                remark("statctl: note: without {}: {}\n", transport.name, transport.unusable);
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
    Experiment(Plan plan, std::vector<statchan::TransportInfo> transports, std::string foreign,
               const Progress& progress, const std::function<bool()>& stop)
        : plan_{std::move(plan)},
          transports_{std::move(transports)},
          foreign_{std::move(foreign)},
          progress_{progress},
          stop_{stop},
          patience_{std::chrono::seconds{plan_.quick ? 1 : 30}} {
        for (const auto& item : plan_.items)
            for (const auto& transport : transports_)
                all_ += takes_part(item, transport) ? repetitions(item) : 0;
    }

    // Whether it came to its end. Repetitions lie as far apart as they can, so that they show what
    // the machine does meanwhile.
    statchan::Result<bool> run() {
        for (unsigned round = 0; round < plan_.repeat; ++round)
            for (const auto& item : plan_.items) {
                if (round >= repetitions(item)) continue;
                yardsticks_.push_back(yardstick());
                auto source = source_of(item);
                if (!source) return tl::unexpected(std::move(source.error()));
                for (const auto& transport : transports_) {
                    if (!takes_part(item, transport)) continue;
                    if (stop_()) return false;
                    one(item, round, transport.name, *source);
                }
            }
        return true;
    }
    [[nodiscard]] const Merged& merged() const noexcept { return merged_; }
    [[nodiscard]] std::span<const double> yardsticks() const noexcept { return yardsticks_; }

  private:
    [[nodiscard]] unsigned repetitions(const Item& item) const noexcept {
        return item.once ? 1 : plan_.repeat;
    }

    statchan::Result<std::string> source_of(const Item& item) {
        if (!foreign_.empty()) return foreign_;
        return own_.with(item.workload == "snapshot" ? item.load.bytes() : 0);
    }

    void one(const Item& item, unsigned round, const std::string& transport,
             const std::string& source) {
        Job job{.source = source,
                .foreign = !foreign_.empty(),
                .window = item.window,
                .rate = item.load.rate()};
        job.label.set_workload(item.workload);
        job.label.set_transport(transport);
        *job.label.mutable_load() = item.load;
        tell_progress(job.label);
        if (item.load.share() != 0) {
            job.rate = capacity(transport) * item.load.share();
            if (job.rate < 1)
                return;  // its saturation was not measured: nothing to have a share of
        }
        if (round != 0 && too_slow_.contains(key_of(job.label))) return;
        const auto start = Clock::now();
        merged_.add(in_fresh_process(job.label, std::chrono::seconds{60},
                                     [&] { return item.measure(job); }));
        if (Clock::now() - start > patience_) too_slow_.insert(key_of(job.label));
    }

    void tell_progress(const Point& now) {
        const auto took = std::chrono::duration<double>(Clock::now() - start_).count();
        const auto each = done_ == 0 ? 0 : took / static_cast<double>(done_);
        progress_(done_, all_, each * static_cast<double>(all_ - done_), now);
        ++done_;
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
    std::string foreign_;
    const Progress& progress_;
    const std::function<bool()>& stop_;
    Clock::duration patience_;        // what takes longer is measured once
    std::set<std::string> too_slow_;  // keys of points
    std::vector<double> yardsticks_;
    OwnSource own_;
    Merged merged_;
    std::size_t done_ = 0;
    std::size_t all_ = 0;
    Clock::time_point start_ = Clock::now();
};

statchan::Result<void> check_workloads(const CompareOptions& options) {
    for (const auto& name : options.workloads)
        if (std::find(std::begin(workload_names), std::end(workload_names), name) ==
            std::end(workload_names))
            return tl::unexpected(statchan::Error{
                std::make_error_code(std::errc::invalid_argument), "compare transports",
                fmt::format("there is no workload '{}'", name),
                fmt::format("there are: {}", fmt::join(workload_names, ", "))});
    return {};
}

statchan::Result<std::optional<statchan::SourceInfo>> foreign_source(const std::string& name) {
    if (name.empty()) return std::optional<statchan::SourceInfo>{};
    auto client = statchan::Client::open({.transport = "ioctl"});
    if (!client) return tl::unexpected(std::move(client.error()));
    return client->source(name).map([](auto info) { return std::optional{std::move(info)}; });
}

std::int64_t unix_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

statchan::Result<statchan::results::Results> compare(const CompareOptions& options,
                                                     const Progress& progress,
                                                     const std::function<bool()>& stop) {
    if (auto known = check_workloads(options); !known) return tl::unexpected(known.error());
    auto transports = choose(options);
    if (!transports) return tl::unexpected(std::move(transports.error()));
    const auto foreign = foreign_source(options.source);
    if (!foreign) return tl::unexpected(foreign.error());
    statchan::results::Results results;
    results.set_version(1);
    results.set_unix_ns(unix_now());
    *results.mutable_environment() = environment();
    const auto start = Clock::now();
    // What a cost is made of belongs beside it; who asks for a part of the experiment knows.
    if (options.workloads.empty())
        for (auto& primitive : calibrate({.user_only = false, .quick = options.quick}))
            *results.add_primitives() = std::move(primitive);
    Experiment experiment{plan(options, *foreign ? &**foreign : nullptr), std::move(*transports),
                          options.source, progress, stop};
    const auto complete = experiment.run();
    if (!complete) return tl::unexpected(complete.error());
    for (const auto& point : experiment.merged().points()) *results.add_points() = point;
    *results.mutable_yardstick() = spread_of(experiment.yardsticks());
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
