// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>

#include "measure/advise.hpp"
#include "measure/check_advice.hpp"
#include "measure/histogram.hpp"
#include "measure/points.hpp"
#include "measure/spread.hpp"
#include "measure/yardstick.hpp"

namespace {

using namespace statctl::measure;

TEST(Spread, MedianAndBounds) {
    const std::vector<double> values{5, 1, 3};
    const auto spread = spread_of(values);
    EXPECT_EQ(spread.median(), 3);
    EXPECT_EQ(spread.min(), 1);
    EXPECT_EQ(spread.max(), 5);
    EXPECT_EQ(spread.values_size(), 3);
    EXPECT_EQ(spread.values(0), 5);
    const std::vector<double> even{1, 2, 3, 10};
    EXPECT_EQ(spread_of(even).median(), 2.5);
    EXPECT_EQ(spread_of({}).values_size(), 0);
}

TEST(Spread, NoiseIsAShareOfTheMedian) {
    const std::vector<double> values{90, 100, 110};
    EXPECT_DOUBLE_EQ(noise(spread_of(values)), 0.1);
    const std::vector<double> one{7};
    EXPECT_EQ(noise(spread_of(one)), 0);
}

TEST(Spread, QuantilesByNearestRank) {
    std::vector<double> values;
    for (int i = 100; i >= 1; --i) values.push_back(i);
    EXPECT_EQ(quantile(values, 0), 1);
    EXPECT_EQ(quantile(values, 1), 100);
    EXPECT_NEAR(quantile(values, 0.5), 50.5, 0.5);
    EXPECT_EQ(quantile({}, 0.5), 0);
}

// Each time is told to 3 %, whatever its size.
TEST(Histogram, KnowsEveryTimeToThreePercent) {
    for (std::uint64_t ns = 1; ns < 1ULL << 60U; ns = 2 * ns + ns / 8 + 1) {
        Histogram h;
        h.add(ns);
        EXPECT_GE(h.max(), ns);
        EXPECT_LE(static_cast<double>(h.max()), static_cast<double>(ns) * 1.032) << ns;
    }
}

TEST(Histogram, Quantiles) {
    Histogram h;
    for (std::uint64_t ns = 1; ns <= 1000; ++ns) h.add(ns);
    EXPECT_EQ(h.total(), 1000U);
    EXPECT_NEAR(static_cast<double>(h.quantile(0.5)), 500, 16);
    EXPECT_NEAR(static_cast<double>(h.quantile(0.99)), 990, 32);
    EXPECT_GE(h.max(), 1000U);
    EXPECT_EQ(Histogram{}.quantile(0.5), 0U);
}

TEST(Histogram, GoesThroughAMessageAndAdds) {
    Histogram h;
    for (const std::uint64_t ns : {0ULL, 63ULL, 64ULL, 1'000'000ULL, 1ULL << 40U}) h.add(ns);
    auto again = Histogram::from(h.message());
    EXPECT_EQ(again.total(), 5U);
    EXPECT_EQ(again.max(), h.max());
    EXPECT_EQ(again.quantile(0.5), h.quantile(0.5));
    again.add(h);
    EXPECT_EQ(again.total(), 10U);
}

TEST(Spread, TwoRunsDifferByMoreThanTheyVaryOrNot) {
    const std::vector<double> a{90, 100, 110}, near{125, 130, 140}, far{180, 200, 210}, once{300};
    EXPECT_FALSE(ratio_of_runs(spread_of(a), spread_of(near))->beyond);
    EXPECT_TRUE(ratio_of_runs(spread_of(a), spread_of(far))->beyond);
    EXPECT_FALSE(ratio_of_runs(spread_of(a), spread_of(once))->beyond) << "who knows";
    EXPECT_FALSE(ratio_of_runs(spread_of(a), spread_of(far), 0.8)->beyond) << "a slower machine";
    EXPECT_FALSE(ratio_of_runs({}, spread_of(a)));
}

TEST(Yardstick, TellsHowMuchTheMachineItselfDiffers) {
    statchan::results::Results a, b;
    EXPECT_EQ(drift(a, b), 0) << "unknown";
    const std::vector<double> steady{100, 100}, varying{190, 200, 210};
    *a.mutable_yardstick() = spread_of(steady);
    *b.mutable_yardstick() = spread_of(varying);
    EXPECT_NEAR(drift(a, b), 1.05, 0.001);
    EXPECT_NEAR(drift(b, a), 1.05, 0.001);
    EXPECT_GT(yardstick(), 0);
}

// ---- advice

// A second value, the same: its noise is known then.
void add_twice(statchan::results::Point& point, const char* name, double value) {
    auto& metric = *point.add_metrics();
    metric.set_name(name);
    *metric.mutable_value() = spread_of(std::array{value, value});
}

// Time of a snapshot: so many ns per byte, and a ns per byte for the driver if it is a new one.
statchan::results::Results measured() {
    statchan::results::Results results;
    const auto snapshot = [&](const char* transport, std::uint64_t bytes, double ns, bool churn) {
        auto& point = *results.add_points();
        point.set_workload("snapshot");
        point.set_transport(transport);
        point.mutable_load()->set_bytes(bytes);
        point.mutable_load()->set_churn(churn);
        add_twice(point, "time.p50", ns);
        add_twice(point, "memory", static_cast<double>(2 * bytes));
    };
    snapshot("ioctl", 4096, 4096, false);
    snapshot("ioctl", 1 << 20, 1 << 20, false);
    snapshot("ioctl", 1 << 20, 2 << 20, true);
    snapshot("mmap", 4096, 2048, false);
    snapshot("mmap", 1 << 20, 1 << 19, false);
    snapshot("mmap", 1 << 20, 3 << 19, true);
    const auto samples = [&](const char* transport, double delivered, double cost, double p99) {
        const auto add = [&](const char* workload) -> statchan::results::Point& {
            auto& point = *results.add_points();
            point.set_workload(workload);
            point.set_transport(transport);
            point.mutable_load()->set_bytes(128);
            point.mutable_load()->set_cpus(1);
            point.mutable_load()->set_policy("batch64");
            point.mutable_load()->set_buffer(usual_buffer);
            return point;
        };
        auto& point = add("samples");
        add_twice(point, "delivered", delivered);
        add_twice(point, "producer", 1);  // most are lost, which costs little
        add_twice(point, "consumer", cost);
        add_twice(point, "memory", 1 << 20);
        add_twice(add("producer"), "producer.alone", cost);
        add_twice(add("lossless"), "lossless", delivered / 2);
        auto& late = add("latency");
        late.mutable_load()->set_rate(1000);
        add_twice(late, "latency.p50", p99 / 2);
        add_twice(late, "latency.p99", p99);
        late.mutable_latency()->add_upper_ns(1 << 30);
        late.mutable_latency()->add_count(4000);  // of both processes
    };
    samples("netlink", 1e5, 2000, 1e6);
    samples("relay", 1e6, 500, 3e6);
    samples("mmap", 2e6, 200, 1e6);
    return results;
}

// Points of one transport and workload.
template <class Change>
void change(statchan::results::Results& results, const char* transport, const char* workload,
            Change&& how) {
    for (auto& point : *results.mutable_points())
        if (point.transport() == transport && point.workload() == workload) how(point);
}

TEST(Advise, InterpolatesBetweenSizes) {
    const auto verdicts =
        advise(measured(), {.snapshot_bytes = 65536, .every_ns = 1e6, .readers = 2});
    ASSERT_EQ(verdicts.size(), 4U);
    EXPECT_EQ(verdicts[0].transport, "mmap");
    EXPECT_NEAR(verdicts[0].read_ns, 32768, 1);
    EXPECT_NEAR(verdicts[0].time_ns, 3 * 32768, 1) << "the driver's work included";
    EXPECT_NEAR(verdicts[0].cpu_share, 2 * 3 * 32768 / 1e6, 1e-6);
    ASSERT_TRUE(verdicts[0].uncertainty.has_value());
    EXPECT_NEAR(*verdicts[0].uncertainty, 0.05, 0.001);
    EXPECT_EQ(verdicts[1].transport, "ioctl");
    EXPECT_FALSE(verdicts[2].excluded.empty()) << "netlink has no snapshots here";
}

TEST(Advise, ExcludesWhatCanNotAndSaysWhy) {
    const auto excluded = [](const Need& need, const std::string& transport) {
        for (const auto& verdict : advise(measured(), need))
            if (verdict.transport == transport) return verdict.excluded;
        return std::string{"?"};
    };
    const Need base{.rate = 1000, .record_bytes = 128};
    EXPECT_EQ(excluded(base, "relay"), "");
    auto need = base;
    need.no_root = true;
    EXPECT_NE(excluded(need, "relay").find("root"), std::string::npos);
    need = base;
    need.rate = 200'000;
    need.no_loss = true;
    EXPECT_NE(excluded(need, "netlink").find("at most"), std::string::npos);
    EXPECT_EQ(excluded(need, "mmap"), "");
    need = base;
    need.latency_ns = 2e6;
    EXPECT_NE(excluded(need, "relay").find("1 record in 100"), std::string::npos);
    need = base;
    need.memory = 4096;
    EXPECT_NE(excluded(need, "mmap").find("buffers"), std::string::npos);
    need = {.snapshot_bytes = 1 << 20, .every_ns = 1000};
    EXPECT_NE(excluded(need, "ioctl").find("longer"), std::string::npos);
    need = {.snapshot_bytes = 1 << 20, .every_ns = 1e9, .readers = 2, .memory = 3 << 20};
    EXPECT_NE(excluded(need, "ioctl").find("2 readers"), std::string::npos);
    need = {.rate = 1000, .record_bytes = 128, .readers = 4, .memory = 3 << 20};
    EXPECT_NE(excluded(need, "mmap").find("buffers"), std::string::npos) << "each its own";
    EXPECT_EQ(excluded(need, "netlink"), "") << "one for all";
    need = {.rate = 3e6, .record_bytes = 128};
    EXPECT_NE(excluded(need, "mmap").find("at most"), std::string::npos) << "even with losses";
}

// What was not measured is not promised, nor is more than the machine has.
TEST(Advise, PromisesNothingUnmeasured) {
    auto results = measured();
    const auto of_mmap = [&](const Need& need) {
        for (const auto& verdict : advise(results, need))
            if (verdict.transport == "mmap") return verdict;
        return Verdict{};
    };
    const auto unknown = [&](const Need& need, std::string_view why) {
        const auto verdict = of_mmap(need);
        return verdict.unmeasured && verdict.excluded.find(why) != std::string::npos;
    };
    const Need fast{.rate = 1'500'000, .record_bytes = 128};
    EXPECT_EQ(of_mmap(fast).excluded, "") << "delivered, with losses";
    auto safe = fast;
    safe.no_loss = true;
    EXPECT_NE(of_mmap(safe).excluded.find("at most without loss"), std::string::npos);
    EXPECT_FALSE(of_mmap(safe).unmeasured);
    auto large = safe;
    large.rate = 1000;
    large.record_bytes = 4096;
    EXPECT_TRUE(unknown(large, "other sizes"));
    change(results, "mmap", "lossless",
           [](auto& point) { point.mutable_metrics(0)->mutable_value()->set_median(0); });
    safe.rate = 1000;
    EXPECT_NE(of_mmap(safe).excluded.find("lost records"), std::string::npos);
    change(results, "mmap", "lossless", [](auto& point) { point.set_workload("none"); });
    EXPECT_TRUE(unknown(safe, "was not measured"));

    const Need often{.snapshot_bytes = 1 << 20, .every_ns = 2e6, .readers = 1000};
    EXPECT_EQ(of_mmap(often).excluded, "");
    results.mutable_environment()->set_cpus(2);
    EXPECT_NE(of_mmap(often).excluded.find("there are 2"), std::string::npos);
    EXPECT_TRUE(unknown({.snapshot_bytes = 1ULL << 40, .every_ns = 1e15}, "near that size"));
    change(results, "mmap", "snapshot", [](auto& point) {
        if (point.load().churn()) point.set_workload("none");
    });
    EXPECT_TRUE(unknown(often, "new snapshot"));

    const Need seldom{.rate = 1, .record_bytes = 128, .latency_ns = 1e9};
    EXPECT_TRUE(unknown(seldom, "near that rate"));
    change(results, "mmap", "producer", [](auto& point) { point.set_workload("none"); });
    EXPECT_TRUE(unknown({.rate = 1000, .record_bytes = 128}, "costs"));
}

// A quantile of what arrived is none if too many did not, or if there were too few.
TEST(Advise, KnowsNoTailOfWhatWasLost) {
    const Need need{.rate = 1000, .record_bytes = 128, .latency_ns = 2e6};
    const auto knows = [&](const statchan::results::Results& results) {
        for (const auto& verdict : advise(results, need))
            if (verdict.transport == "mmap") return verdict.excluded.empty();
        return false;
    };
    auto results = measured();
    EXPECT_TRUE(knows(results));
    change(results, "mmap", "latency", [](auto& point) { add_twice(point, "lost", 0.02); });
    EXPECT_FALSE(knows(results));
    results = measured();
    change(results, "mmap", "latency",
           [](auto& point) { point.mutable_latency()->set_count(0, 1000); });
    EXPECT_FALSE(knows(results));
}

TEST(Advise, MulticastIsWrittenOnce) {
    for (const auto& verdict :
         advise(measured(), {.rate = 1000, .record_bytes = 128, .readers = 4})) {
        if (verdict.transport == "netlink") {
            EXPECT_NEAR(verdict.cpu_share, 1000 * (2000 + 4 * 2000) / 1e9, 1e-9);
        }
        if (verdict.transport == "mmap") {
            EXPECT_NEAR(verdict.cpu_share, 1000 * (4 * 200 + 4 * 200) / 1e9, 1e-9);
        }
    }
}

// What differs from the others in more than its size says nothing about sizes.
TEST(Advise, KnowsPlainPointsOnly) {
    auto results = measured();
    const Need need{.snapshot_bytes = 1 << 20, .every_ns = 1e9};
    const auto before = advise(results, need).front().read_ns;
    for (int what = 0; what < 4; ++what) {
        auto& point = *results.add_points();
        point.set_workload("snapshot");
        point.set_transport("mmap");
        point.mutable_load()->set_bytes(1 << 20);
        if (what == 0) point.mutable_load()->set_live(true);
        if (what == 1) point.mutable_load()->set_churn(true);
        if (what == 2) point.mutable_load()->set_readers(8);
        if (what == 3) point.set_fault("wrong");
        add_metric(point, "time.p50", "ns", 1);
        EXPECT_EQ(advise(results, need).front().read_ns, before) << what;
    }
    const Need stream{.rate = 1000, .record_bytes = 128};
    const auto share = advise(results, stream).front().cpu_share;
    statchan::results::Point large;
    for (const auto& point : results.points())
        if (point.transport() == "mmap" && point.workload() == "samples") large = point;
    large.mutable_load()->set_buffer(64U << 20U);
    for (auto& metric : *large.mutable_metrics()) metric.mutable_value()->set_median(1);
    *results.add_points() = large;
    EXPECT_EQ(advise(results, stream).front().cpu_share, share);
}

// ---- whether the advice comes true

TEST(CheckAdvice, MeasuresBetweenWhatWasMeasured) {
    statchan::results::Results results;
    for (const auto bytes : {4096U, 65536U, 1U << 20U}) {
        auto& point = *results.add_points();
        point.set_workload("snapshot");
        point.set_transport("ioctl");
        point.mutable_load()->set_bytes(bytes);
    }
    EXPECT_EQ(sizes_between(results, "snapshot"), (std::vector<std::uint64_t>{16384, 262144}));
    EXPECT_TRUE(sizes_between(results, "samples").empty());
}

TEST(CheckAdvice, TellsByHowMuchAPredictionIsWrong) {
    statchan::results::Results known, later;
    const auto add = [](statchan::results::Results& results, std::uint64_t bytes, double ns) {
        auto& point = *results.add_points();
        point.set_workload("snapshot");
        point.set_transport("ioctl");
        point.mutable_load()->set_bytes(bytes);
        add_metric(point, "time.p50", "ns", ns);
    };
    add(known, 4096, 1000);
    add(known, 65536, 16000);
    add(known, 65536, 17000);
    known.mutable_points(2)->mutable_load()->set_churn(true);
    add(later, 16384, 5000);
    const auto all = predictions(known, later);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_NEAR(all[0].predicted_ns, 4000, 1);
    EXPECT_NEAR(median_error(all), 0.2, 0.001);
    EXPECT_EQ(median_error({}), 0);
}

}  // namespace
