// SPDX-License-Identifier: MIT
#include "measure/primitives.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <system_error>

#include "measure/experiment.hpp"
#include "measure/spread.hpp"

namespace statctl::measure {

namespace {

using statchan::results::Primitive;

struct Pace {
    double ns;  // of one repetition
    unsigned repetitions;
};
constexpr Pace quick{2e6, 9};
constexpr Pace thorough{10e6, 21};

constexpr std::size_t fewest_repetitions = 5;
constexpr std::uint64_t most_times = 1U << 28U;

// How often it must be done for one repetition. Growing to it warms caches and page tables up, too.
tl::expected<std::uint64_t, std::string> times_for(const Batch& batch, double ns) {
    for (std::uint64_t times = 1;;) {
        const Stopwatch watch;
        if (const auto cost = batch(times); !cost) return tl::unexpected(cost.error());
        const auto took = std::max(watch.ns(), 1.0);
        if (took >= ns / 2 || times >= most_times) return times;
        const auto factor = std::clamp(ns / took, 2.0, 32.0);
        times = std::min(
            most_times, static_cast<std::uint64_t>(std::ceil(static_cast<double>(times) * factor)));
    }
}

// A wakeup may be a hundred times slower once the machine is busy with something else. So that this
// does not add up to minutes, the loops then become shorter, and at last fewer.
tl::expected<statchan::results::Spread, std::string> measured(const Batch& batch,
                                                              const Pace& pace) {
    auto times = times_for(batch, pace.ns);
    if (!times) return tl::unexpected(times.error());
    const auto most_ns = 8 * pace.ns * pace.repetitions;
    const Stopwatch all;
    std::vector<double> costs;
    while (costs.size() < pace.repetitions &&
           (costs.size() < fewest_repetitions || all.ns() < most_ns)) {
        const Stopwatch watch;
        const auto cost = batch(*times);
        if (!cost) return tl::unexpected(cost.error());
        costs.push_back(*cost);
        if (watch.ns() > 4 * pace.ns) times = *times / 4 + 1;
    }
    return spread_of(costs);
}

Primitive described(const Experiment& experiment, std::uint64_t bytes) {
    Primitive primitive;
    primitive.set_name(std::string{experiment.name});
    primitive.set_unit(std::string{experiment.unit});
    primitive.set_what(std::string{experiment.what});
    primitive.set_bytes(bytes);
    return primitive;
}

Primitive measured(const Experiment& experiment, std::uint64_t bytes, const Pace& pace) {
    auto primitive = described(experiment, bytes);
    const auto batch = experiment.prepare(bytes);
    if (!batch) {
        primitive.set_unavailable(batch.error());
    } else if (auto spread = measured(*batch, pace)) {
        *primitive.mutable_value() = *std::move(spread);
    } else {
        primitive.set_unavailable(spread.error());
    }
    return primitive;
}

}  // namespace

tl::unexpected<std::string> failed(std::string_view what) {
    return tl::unexpected(std::string{what} + ": " + std::generic_category().message(errno));
}

std::vector<Primitive> calibrate(const CalibrateOptions& options) {
    const auto& pace = options.quick ? quick : thorough;
    std::vector<Primitive> all;
    for (const auto& experiment : user_experiments())
        for (const auto bytes : experiment.sizes) all.push_back(measured(experiment, bytes, pace));
    for (const auto experiments : {kernel_experiments(), bpf_experiments()}) {
        for (const auto& experiment : experiments) {
            for (const auto bytes : experiment.sizes) {
                if (options.user_only) {
                    all.push_back(described(experiment, bytes));
                    all.back().set_unavailable("left out by --user-only");
                } else {
                    all.push_back(measured(experiment, bytes, pace));
                }
            }
        }
    }
    return all;
}

}  // namespace statctl::measure
