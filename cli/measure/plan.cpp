// SPDX-License-Identifier: MIT
#include "measure/plan.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace statctl::measure {

namespace {

using statchan::Capability;
using statchan::results::Load;
using std::chrono::milliseconds;

constexpr std::uint64_t K = 1024;
constexpr std::uint64_t M = K * K;

class Planner {
  public:
    Planner(const CompareOptions& options, const statchan::SourceInfo* foreign)
        : options_{options}, foreign_{foreign} {}

    Plan make() {
        plan_.quick = options_.quick;
        plan_.repeat = options_.repeat != 0 ? options_.repeat : options_.quick ? 3 : 5;
        if (foreign_ != nullptr) {
            of_foreign();
        } else {
            if (wanted("snapshot")) snapshots();
            if (wanted("samples")) samples();
            if (wanted("producer")) producer();
            if (wanted("lossless")) lossless();
            if (wanted("latency")) latency();
            if (wanted("control")) control();
        }
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
    [[nodiscard]] milliseconds window(int quick, int whole) const {
        return milliseconds{options_.quick ? quick : whole};
    }
    Item& add(const char* workload, Load load, Capability needs, milliseconds window,
              statchan::results::Point (*measure)(const Job&)) {
        return plan_.items.emplace_back(Item{workload, std::move(load), needs, window, measure});
    }
    [[nodiscard]] Load load_of(std::uint64_t bytes) const {
        Load load;
        load.set_bytes(bytes);
        load.set_readers(1);
        load.set_source(foreign_ != nullptr ? foreign_->kind : "synth");
        return load;
    }
    [[nodiscard]] Load samples_load(std::uint64_t bytes, const char* policy) const {
        auto load = load_of(bytes);
        load.set_cpus(foreign_ != nullptr ? 0 : 1);
        load.set_policy(policy);
        load.set_buffer(usual_buffer);
        return load;
    }

    [[nodiscard]] static unsigned all_cpus() {
        return std::max(1U, std::thread::hardware_concurrency());
    }

    void snapshot(const Load& load) {
        add("snapshot", load, load.live() ? Capability::live : Capability::snapshot,
            window(80, 1000), measure_snapshots);
    }
    void snapshots() {
        const auto all = sizes({4 * K, 64 * K, M, 16 * M},
                               {4 * K, 16 * K, 64 * K, 256 * K, M, 4 * M, 16 * M, 64 * M});
        for (const auto bytes : all) snapshot(load_of(bytes));
        // The rest with one of them: what is usual, or the first that was asked for.
        auto load = load_of(options_.sizes.empty() ? M : all.front());
        load.set_churn(true);
        snapshot(load);
        load.set_churn(false);
        load.set_live(true);
        snapshot(load);
        load.set_live(false);
        if (options_.quick) return;
        for (const bool churn : {false, true})
            for (const unsigned readers : {2U, 4U, 8U}) {
                load.set_churn(churn);
                load.set_readers(readers);
                snapshot(load);
            }
    }

    void sample(const Load& load) {
        add("samples", load, Capability::samples, window(60, 1000), measure_samples);
    }
    void samples() {
        for (const auto bytes : sizes({64, 256, 1024}, {64, 128, 256, 512, 1024, 2048, 4096}))
            for (const auto* policy : {"busy", "batch64"})
                if (!options_.quick || bytes <= 256 || policy != std::string_view{"busy"})
                    sample(samples_load(bytes, policy));
        // One thing at a time is changed from here.
        sample(samples_load(256, "each"));
        if (!options_.quick) sample(samples_load(256, "timeout"));
        const auto cpus = all_cpus();
        for (unsigned n = 2; n <= cpus; n = std::max(n + 1, std::min(2 * n, cpus))) {
            auto load = samples_load(256, "batch64");
            load.set_cpus(n);
            sample(load);
        }
        if (options_.quick) return;
        for (const std::uint64_t buffer : {64 * K, 256 * K, 4 * M, 16 * M}) {
            auto load = samples_load(256, "batch64");
            load.set_buffer(buffer);
            sample(load);
        }
    }

    void producer() {
        const auto produce = [&](std::uint64_t bytes, unsigned cpus) {
            auto load = samples_load(bytes, "never");
            load.set_buffer(4 * M);
            load.set_cpus(cpus);
            add("producer", load, Capability::samples, window(0, 0), measure_producer);
        };
        const auto all = sizes({64, 1024}, {0, 64, 256, 1024});
        for (const auto bytes : all) produce(bytes, 1);
        if (all_cpus() > 1) produce(all.back(), all_cpus());
    }

    void lossless() {
        for (const auto bytes : sizes({128}, {64, 128, 256, 1024}))
            add("lossless", samples_load(bytes, "batch64"), Capability::samples, window(60, 300),
                measure_lossless)
                .once = options_.quick;
    }

    void latency() {
        const auto add_rate = [&](const Load& load) {
            add("latency", load, Capability::samples, window(150, 5000), measure_latency);
        };
        auto load = samples_load(128, "batch64");
        std::vector<double> rates = options_.rates;
        if (rates.empty())
            rates = options_.quick ? std::vector<double>{20000}
                                   : std::vector<double>{100, 1000, 10000, 50000, 100000};
        for (const auto rate : rates) {
            load.set_rate(rate);
            add_rate(load);
        }
        load.set_rate(0);
        const std::vector<double> shares =
            options_.quick ? std::vector<double>{0.5} : std::vector<double>{0.1, 0.5, 0.8, 0.95};
        for (const auto share : shares) {
            load.set_share(share);
            add_rate(load);
        }
    }

    void control() {
        const auto add_control = [&](const char* workload, unsigned readers) {
            auto load = load_of(0);
            load.set_readers(readers);
            add(workload, load, Capability::samples, window(0, 0), measure_control)
                .front_ends_only = true;
        };
        add_control("control", 1);
        for (const unsigned readers : {1U, 8U}) add_control("events", readers);
    }

    // As it is: its counters, and the packets that come just then.
    void of_foreign() {
        if (wanted("snapshot")) {
            auto load = load_of(foreign_->n_counters * sizeof(std::uint64_t));
            for (const bool churn : {false, true}) {
                load.set_churn(churn);
                snapshot(load);
            }
        }
        for (const auto bytes : sizes({128}, {64, 128, 1514})) {
            if (wanted("samples"))
                for (const auto* policy : {"busy", "batch64"}) sample(samples_load(bytes, policy));
            if (wanted("latency"))
                add("latency", samples_load(bytes, "batch64"), Capability::samples,
                    window(300, 5000), measure_latency);
        }
    }

    const CompareOptions& options_;
    const statchan::SourceInfo* foreign_;
    Plan plan_;
};

}  // namespace

Plan plan(const CompareOptions& options, const statchan::SourceInfo* foreign) {
    return Planner{options, foreign}.make();
}

}  // namespace statctl::measure
