// SPDX-License-Identifier: MIT
//
// Workload control: how long a change and a question take, and until all subscribers have heard of
// a change.
#include <fmt/format.h>

#include <statchan/statchan.hpp>
#include <vector>

#include "measure/points.hpp"
#include "measure/spread.hpp"

namespace statctl::measure {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int rounds = 100;

template <class Call>
std::vector<double> time_calls(statchan::results::Point& point, Call&& call) {
    std::vector<double> times;
    for (int i = -3; i < rounds; ++i) {
        const auto start = Clock::now();
        const auto done = call(i);
        const auto took = Clock::now() - start;
        if (!done) {
            point.set_fault(done.error().message());
            break;
        }
        if (i >= 0) times.push_back(static_cast<double>(took.count()));
    }
    return times;
}

void time_events(statchan::results::Point& point, statchan::Client& client,
                 const std::string& source) {
    std::vector<statchan::EventStream> all;
    for (std::uint32_t i = 0; i < point.load().readers(); ++i) {
        auto events = client.events();
        if (!events) {
            point.set_fault(events.error().message());
            return;
        }
        all.push_back(std::move(*events));
    }
    const auto times = time_calls(point, [&](int i) -> statchan::Result<void> {
        auto set = client.set_source(source, fmt::format("size={}", 64 + (i & 1)));
        if (!set) return tl::unexpected(std::move(set.error()));
        for (auto& events : all) {
            const auto heard = events.next(std::chrono::seconds{5});
            if (!heard) return tl::unexpected(heard.error());
        }
        return {};
    });
    add_metric(point, "all_heard.p50", "ns", quantile(times, 0.5));
    add_metric(point, "all_heard.p99", "ns", quantile(times, 0.99));
}

}  // namespace

statchan::results::Point measure_control(const Job& job) {
    auto point = job.label;
    auto client = statchan::Client::open({.transport = point.transport()});
    if (!client) {
        point.set_fault(client.error().message());
        return point;
    }
    if (point.workload() == "events") {
        time_events(point, *client, job.source);
        return point;
    }
    const auto sets = time_calls(point, [&](int i) {
        return client->set_source(job.source, fmt::format("size={}", 64 + (i & 1)));
    });
    const auto gets = time_calls(point, [&](int) { return client->source(job.source); });
    add_metric(point, "set.p50", "ns", quantile(sets, 0.5));
    add_metric(point, "set.p99", "ns", quantile(sets, 0.99));
    add_metric(point, "get.p50", "ns", quantile(gets, 0.5));
    add_metric(point, "get.p99", "ns", quantile(gets, 0.99));
    return point;
}

}  // namespace statctl::measure
