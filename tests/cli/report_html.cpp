// SPDX-License-Identifier: MIT
//
// What the page is given; how it looks in a browser is for tests/report.
#include "measure/report_html.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "measure/points.hpp"
#include "run.hpp"

namespace {

using namespace statctl::measure;
using Json = nlohmann::json;
using statchan::results::Results;

Results run_of(double time) {
    Results results;
    results.set_version(1);
    results.mutable_environment()->set_kernel("6.1");
    results.mutable_environment()->set_accelerator("kvm");
    for (const auto* transport : {"ioctl", "mmap"}) {
        auto& point = *results.add_points();
        point.set_workload("snapshot");
        point.set_transport(transport);
        point.mutable_load()->set_bytes(4096);
        add_metric(point, "time.p50", "ns", time);
    }
    return results;
}

std::size_t times(const std::string& text, const std::string& what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
}

Json data_of(const std::vector<Results>& runs, const std::vector<std::string>& names) {
    return Json::parse(report_data(runs, names));
}

TEST(ReportHtml, HasAllThatWasMeasured) {
    const auto data = data_of({run_of(100)}, {"a.pb"});
    const auto& run = data["runs"][0];
    EXPECT_EQ(run["file"], "a.pb");
    EXPECT_EQ(run["environment"]["kernel"], "6.1");
    ASSERT_EQ(run["points"].size(), 2U);
    const auto& point = run["points"][1];
    EXPECT_EQ(point["transport"], "mmap");
    EXPECT_EQ(point["load"]["text"], "4 KiB");
    EXPECT_EQ(point["metrics"]["time.p50"]["value"][0], 100) << "median";
    EXPECT_EQ(point["metrics"]["time.p50"]["value"][3], 1) << "processes";
    EXPECT_EQ(run["paragraphs"].size(), 7U);
    EXPECT_TRUE(data["ratios"].empty());
}

// As if each had been measured twice.
Results twice(Results results) {
    for (auto& point : *results.mutable_points())
        for (auto& metric : *point.mutable_metrics())
            metric.mutable_value()->add_values(metric.value().median());
    return results;
}

TEST(ReportHtml, RunsSideBySide) {
    auto other = twice(run_of(200));
    other.mutable_points()->RemoveLast();
    const auto data = data_of({twice(run_of(100)), other}, {"a", "b"});
    EXPECT_EQ(data["runs"][1]["label"], "B");
    ASSERT_EQ(data["ratios"].size(), 2U);
    EXPECT_EQ(data["ratios"][0]["others"][0]["ratio"], 2);
    EXPECT_EQ(data["ratios"][0]["others"][0]["beyond"], true);
    EXPECT_TRUE(data["ratios"][1]["others"][0].is_null()) << "it has no mmap";
}

TEST(ReportHtml, NothingEndsTheScript) {
    auto results = run_of(1);
    const std::string hostile = "</script><!-- <script> \" \\ \n @DATA@";
    results.mutable_points(0)->set_transport(hostile);
    results.mutable_points(0)->set_fault(hostile);
    results.mutable_environment()->set_kernel(hostile);
    const std::vector<std::string> names{hostile + "\xff"};
    const auto data = report_data({&results, 1}, names);
    EXPECT_EQ(data.find('<'), std::string::npos);
    const auto parsed = Json::parse(data);
    EXPECT_EQ(parsed["runs"][0]["environment"]["kernel"], hostile);
    EXPECT_EQ(parsed["runs"][0]["points"][0]["fault"], hostile);
    const auto page = html_report({&results, 1}, names);
    EXPECT_EQ(times(page, "</script>"), times(page, "<script"));
    EXPECT_EQ(times(page, data), 1U);
}

TEST(ReportHtml, WhatIsNoNumberIsNull) {
    const auto data = data_of({run_of(std::numeric_limits<double>::quiet_NaN())}, {"a"});
    EXPECT_TRUE(data["runs"][0]["points"][0]["metrics"]["time.p50"]["value"][0].is_null());
}

// The page has fewer steps of a histogram, but all records, and the same end.
TEST(ReportHtml, HistogramsKeepTheirRecords) {
    auto results = run_of(1);
    auto& histogram = *results.mutable_points(0)->mutable_latency();
    for (std::uint64_t i = 1; i <= 5000; ++i) {
        histogram.add_upper_ns(i);
        histogram.add_count(2);
    }
    const auto latency = data_of({results}, {"a"})["runs"][0]["points"][0]["latency"];
    ASSERT_EQ(latency["upper_ns"].size(), latency["count"].size());
    EXPECT_LT(latency["count"].size(), 400U);
    EXPECT_EQ(latency["upper_ns"].back(), 5000);
    std::uint64_t all = 0;
    for (const auto& count : latency["count"]) all += count.get<std::uint64_t>();
    EXPECT_EQ(all, 10000U);
}

TEST(ReportHtml, ThePageIsWhole) {
    const auto results = run_of(1);
    const std::vector<std::string> names{"a"};
    const auto page = html_report({&results, 1}, names);
    EXPECT_TRUE(page.starts_with("<!doctype html>"));
    EXPECT_TRUE(page.ends_with("</html>\n"));
    for (const auto* part : {"Chart.js v3.9.1", "Released under the MIT License", "prefers-color",
                             "@media print", "id=\"data\"", "Content-Security-Policy"})
        EXPECT_NE(page.find(part), std::string::npos) << part;
    for (const auto* remote : {"src=\"http", "href=\"http", "url(http", "@import"})
        EXPECT_EQ(page.find(remote), std::string::npos) << remote;
    EXPECT_LT(page.size(), 1'000'000U);
}

TEST(ReportHtml, ACommandWritesIt) {
    const test::TemporaryFile results;
    const test::TemporaryFile page;
    const auto bytes = run_of(7).SerializeAsString();
    ASSERT_EQ(::write(results.fd(), bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
    const auto done = test::statctl({"report", results.path(), results.path(), "-o", page.path()});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out, "");
    EXPECT_NE(page.read().find(results.path()), std::string::npos);
    const auto failed = test::statctl({"report", results.path(), "--html", "/nowhere/page"});
    EXPECT_EQ(failed.status, 1);
    EXPECT_NE(failed.err.find("/nowhere/page"), std::string::npos) << failed.err;
}

}  // namespace
