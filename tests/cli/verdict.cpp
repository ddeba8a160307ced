// SPDX-License-Identifier: MIT
//
// Sentences say what the points show, and no more.
#include "measure/verdict.hpp"

#include <gtest/gtest.h>

#include "measure/points.hpp"
#include "measure/ranking.hpp"
#include "measure/spread.hpp"
#include "measure/words.hpp"

namespace {

using namespace statctl::measure;
using statchan::results::Point;
using statchan::results::Results;

void add(Point& point, const char* name, const char* unit, const std::vector<double>& values) {
    add_metric(point, name, unit, 0);
    auto& metric = *point.mutable_metrics(point.metrics_size() - 1);
    *metric.mutable_value() = spread_of(values);
}

Point& snapshot(Results& results, const char* transport, std::uint64_t bytes,
                const std::vector<double>& times) {
    auto& point = *results.add_points();
    point.set_workload("snapshot");
    point.set_transport(transport);
    point.mutable_load()->set_bytes(bytes);
    add(point, "time.p50", "ns", times);
    return point;
}

Point& samples(Results& results, const char* transport, std::uint64_t bytes,
               const std::vector<double>& delivered, const std::vector<double>& lost) {
    auto& point = *results.add_points();
    point.set_workload("samples");
    point.set_transport(transport);
    point.mutable_load()->set_bytes(bytes);
    point.mutable_load()->set_cpus(1);
    point.mutable_load()->set_policy("batch64");
    add(point, "delivered", "1/s", delivered);
    add(point, "lost", "1/s", lost);
    std::vector<double> offered;
    for (std::size_t i = 0; i < lost.size(); ++i) offered.push_back(delivered[i] + lost[i]);
    add(point, "offered", "1/s", offered);
    return point;
}

Paragraph paragraph(const Results& results, std::string_view workload) {
    for (auto& one : conclude(results))
        if (one.workload == workload) return one;
    return {};
}

Finding finding(const Results& results, std::string_view workload, std::string_view topic) {
    const auto all = paragraph(results, workload);
    for (const auto& found : all.findings)
        if (found.topic == topic) return found;
    return {};
}

std::string text(const Results& results, std::string_view workload) {
    return paragraph(results, workload).text();
}

using Names = std::vector<std::string>;

TEST(Words, NumbersAreShort) {
    EXPECT_EQ(time_words(12), "12.0 ns");
    EXPECT_EQ(time_words(195'000), "195 µs");
    EXPECT_EQ(time_words(999'999), "1.00 ms");
    EXPECT_EQ(time_words(2.16e9), "2.16 s");
    EXPECT_EQ(time_words(0), "0 ns");
    EXPECT_EQ(rate_words(1.25e6), "1.25 M/s");
    EXPECT_EQ(percent_words(0.414), "41 %");
    EXPECT_EQ(percent_words(0.0312), "3.1 %");
    EXPECT_EQ(percent_words(0), "0 %");
    EXPECT_EQ(bytes_words(2 << 20), "2 MiB");
    EXPECT_EQ(factor_words(2.61), "2.6");
    EXPECT_EQ(factor_words(720.4), "720");
    EXPECT_EQ(list_words(Names{"a", "b", "c"}), "a, b and c");
    EXPECT_EQ(list_words(Names{"a", "b"}, " or "), "a or b");
    EXPECT_EQ(list_words(Names{}), "");
}

TEST(Verdict, NamesTheWinnerAndTheDistance) {
    Results results;
    for (const std::uint64_t bytes : {4096U, 1U << 20U}) {
        const auto base = static_cast<double>(bytes);
        snapshot(results, "ioctl", bytes, {base * 4, base * 4.1, base * 4.2});
        snapshot(results, "mmap", bytes, {base, base * 1.02, base * 1.01});
        snapshot(results, "netlink", bytes, {base * 30, base * 31, base * 32});
    }
    const auto small = finding(results, "snapshot", "small snapshots");
    EXPECT_EQ(small.best, Names{"mmap"});
    EXPECT_EQ(small.text,
              "At 4 KiB: mmap with 4.14 µs; then ioctl with 16.8 µs, 4.1 times worse; last netlink "
              "with 127 µs, 31 times worse.");
    EXPECT_EQ(small.chart, "snapshot-time");
    EXPECT_NE(text(results, "snapshot").find("Fastest: mmap from 4 KiB to 1 MiB."),
              std::string::npos);
    EXPECT_NE(text(results, "snapshot").find("2 questions asked; won alone: mmap 2."),
              std::string::npos);
    EXPECT_NE(text(results, "snapshot").find("from 3 fresh processes"), std::string::npos);
}

TEST(Verdict, SaysWhereTheWinnerChanges) {
    Results results;
    for (const auto& [bytes, ioctl] :
         {std::pair{4096U, 90.0}, {65536U, 100.0}, {1U << 20U, 600.0}}) {
        snapshot(results, "ioctl", bytes, {ioctl, ioctl});
        snapshot(results, "mmap", bytes, {100, 102});
        snapshot(results, "relic", bytes, {500, 500});
    }
    EXPECT_NE(text(results, "snapshot")
                  .find("Fastest: ioctl at 4 KiB; ioctl or mmap at 64 KiB; mmap at 1 MiB."),
              std::string::npos)
        << text(results, "snapshot");
    EXPECT_NE(text(results, "snapshot")
                  .find("As snapshots grow from 4 KiB to 1 MiB: ioctl (from 1.0 to 5.9 times the "
                        "fastest) loses ground"),
              std::string::npos)
        << text(results, "snapshot");
}

TEST(Verdict, WithinTheNoiseIsEqual) {
    Results results;
    snapshot(results, "ioctl", 4096, {90, 110, 130});
    snapshot(results, "mmap", 4096, {80, 100, 120});
    snapshot(results, "netlink", 4096, {1000, 1100, 1200});
    const auto found = finding(results, "snapshot", "small snapshots");
    EXPECT_EQ(found.best, (Names{"mmap", "ioctl"}));
    EXPECT_NE(
        found.text.find("mmap and ioctl are equal within the noise (100 ns to 110 ns, ±20 %)"),
        std::string::npos)
        << found.text;
}

TEST(Verdict, NobodyWinsIfAllAreEqual) {
    Results results;
    snapshot(results, "ioctl", 4096, {100, 101});
    snapshot(results, "mmap", 4096, {99, 100});
    const auto found = finding(results, "snapshot", "small snapshots");
    EXPECT_TRUE(found.best.empty());
    EXPECT_NE(found.text.find("no difference beyond the noise"), std::string::npos) << found.text;
    EXPECT_NE(text(results, "snapshot").find("undecided: 1"), std::string::npos);
}

// A wild one is neither called equal to a steady best nor worse than it.
TEST(Verdict, WhoCanBeAnywhereHasNoPlace) {
    Results results;
    snapshot(results, "ioctl", 4096, {200, 210, 205});
    snapshot(results, "mmap", 4096, {100, 101, 102});
    snapshot(results, "netlink", 4096, {90, 300, 2000});
    const auto found = finding(results, "snapshot", "small snapshots");
    EXPECT_EQ(found.best, Names{"mmap"});
    EXPECT_NE(found.text.find("no place for netlink, whose processes differ by ±318 %"),
              std::string::npos)
        << found.text;
}

TEST(Verdict, MeasuredOnceHasNoNoise) {
    Results results;
    snapshot(results, "ioctl", 4096, {103});
    snapshot(results, "mmap", 4096, {100});
    EXPECT_TRUE(finding(results, "snapshot", "small snapshots").best.empty());
    EXPECT_NE(text(results, "snapshot").find("measured once"), std::string::npos);
}

TEST(Verdict, OneAloneWinsNothing) {
    Results results;
    snapshot(results, "mmap", 4096, {100, 101});
    const auto found = finding(results, "snapshot", "small snapshots");
    EXPECT_TRUE(found.best.empty());
    EXPECT_NE(found.text.find("only mmap"), std::string::npos) << found.text;
    EXPECT_EQ(text(results, "snapshot").find("undecided"), std::string::npos);
}

TEST(Verdict, WhatDoesNotAddUpCountsForNothing) {
    Results results;
    results.set_complete(true);
    snapshot(results, "ioctl", 4096, {200, 201});
    snapshot(results, "netlink", 4096, {400, 401});
    snapshot(results, "mmap", 4096, {1, 1}).set_fault("1 digest is wrong");
    EXPECT_EQ(finding(results, "snapshot", "small snapshots").best, Names{"ioctl"});
    const auto warned = caveats(results);
    ASSERT_EQ(warned.size(), 1U);
    EXPECT_EQ(
        warned[0],
        "DOES NOT ADD UP: snapshot over mmap, 4 KiB: 1 digest is wrong. It counts for nothing.");
}

TEST(Verdict, CaveatsTellWhatToMind) {
    Results results;
    results.mutable_environment()->set_accelerator("tcg");
    snapshot(results, "mmap", 4096, {}).set_skipped("no room");
    const auto all = caveats(results);
    ASSERT_EQ(all.size(), 3U);
    EXPECT_NE(all[0].find("no room"), std::string::npos);
    EXPECT_NE(all[1].find("ended early"), std::string::npos);
    EXPECT_NE(all[2].find("emulation"), std::string::npos);
}

TEST(Verdict, LossIsAShareOfWhatWasOffered) {
    Results results;
    samples(results, "mmap", 256, {900, 910}, {100, 90});
    samples(results, "netlink", 256, {300, 310}, {700, 690});
    const auto found = finding(results, "samples", "under overload");
    EXPECT_EQ(found.best, Names{"mmap"});
    EXPECT_NE(found.text.find("mmap with 9.5 %; then netlink with 70 %"), std::string::npos)
        << found.text;
    EXPECT_EQ(finding(results, "samples", "small records").best, Names{"mmap"}) << "more is better";
}

TEST(Verdict, NoLossBeatsAnyLoss) {
    Results results;
    samples(results, "mmap", 256, {900, 900}, {0, 0});
    samples(results, "relay", 256, {900, 900}, {10, 12});
    EXPECT_EQ(finding(results, "samples", "under overload").best, Names{"mmap"});
}

// p99.9 of a thousand records is one record.
TEST(Verdict, TailsNeedEnoughRecords) {
    for (const auto& [records, name] :
         {std::pair{500U, "p90"}, {5000U, "p99"}, {50000U, "p99.9"}}) {
        Results results;
        for (const auto* transport : {"ioctl", "mmap"}) {
            auto& point = *results.add_points();
            point.set_workload("latency");
            point.set_transport(transport);
            point.mutable_load()->set_rate(1000);
            for (const auto* metric :
                 {"latency.p50", "latency.p90", "latency.p99", "latency.p99_9"})
                add(point, metric, "ns", {100, 100});
            point.mutable_latency()->add_upper_ns(100);
            point.mutable_latency()->add_count(std::uint64_t{2} * records);  // of two processes
        }
        EXPECT_NE(text(results, "latency").find(std::string{"Shortest "} + name + " at 1 k/s"),
                  std::string::npos)
            << text(results, "latency");
    }
}

TEST(Verdict, EveryWorkloadHasAParagraphAndNothingIsInvented) {
    const auto all = conclude(Results{});
    ASSERT_EQ(all.size(), 7U);
    for (const auto& one : all) {
        EXPECT_TRUE(one.findings.empty()) << one.workload;
        EXPECT_EQ(one.text(), "") << one.workload;
    }
}

TEST(Verdict, UnknownTransportsAndMissingFiguresAreFine) {
    Results results;
    snapshot(results, "pigeon", 4096, {0, 0});
    snapshot(results, "mmap", 4096, {0, 0});
    snapshot(results, "pigeon", 8192, {5, 5});
    auto& bare = *results.add_points();
    bare.set_workload("samples");
    bare.set_transport("pigeon");
    EXPECT_FALSE(text(results, "snapshot").empty());
    EXPECT_EQ(text(results, "samples").find("inf"), std::string::npos);
    EXPECT_EQ(text(results, "snapshot").find("inf"), std::string::npos);
}

}  // namespace
