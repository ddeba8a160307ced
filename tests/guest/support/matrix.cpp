// SPDX-License-Identifier: MIT
#include "matrix.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "transport.hpp"

namespace lab {
namespace {

constexpr const char* no_transport = "any";

std::vector<std::string> columns() {
    auto names = all_transports();
    for (auto& name : names) std::replace(name.begin(), name.end(), '-', '_');
    names.emplace_back(no_transport);
    return names;
}

// "RecordsCountUp/netlink_nl": the parameter is the column, if it is a transport.
std::string column_of(const testing::TestInfo& test) {
    const std::string name = test.name();
    const auto slash = name.rfind('/');
    if (test.value_param() == nullptr || slash == std::string::npos) return no_transport;
    const auto names = columns();
    const auto found = std::find(names.begin(), names.end(), name.substr(slash + 1));
    return found == names.end() ? no_transport : *found;
}

}  // namespace

void GuaranteeMatrix::OnTestEnd(const testing::TestInfo& test) {
    const std::string suite = test.test_suite_name();
    if (cells_.find(suite) == cells_.end()) suites_.push_back(suite);
    auto& cell = cells_[suite][column_of(test)];
    if (test.result()->Skipped())
        ++cell.skipped;
    else if (test.result()->Passed())
        ++cell.passed;
    else
        ++cell.failed;
}

std::string GuaranteeMatrix::text(const Cell& cell) {
    if (cell.failed != 0) return std::to_string(cell.failed) + " FAILED";
    if (cell.skipped != 0) return std::to_string(cell.skipped) + " skipped";
    return std::to_string(cell.passed) + " ok";
}

void GuaranteeMatrix::OnTestIterationEnd(const testing::UnitTest&, int) {
    static constexpr std::string_view head = "guarantee";
    auto longest = head.size();
    for (const auto& suite : suites_) longest = std::max(longest, suite.size());
    const auto width = static_cast<int>(longest);
    std::printf("\n%-*s", width, head.data());
    for (const auto& column : columns()) std::printf("%12s", column.c_str());
    std::printf("\n");
    for (const auto& suite : suites_) {
        std::printf("%-*s", width, suite.c_str());
        for (const auto& column : columns()) {
            const auto& row = cells_[suite];
            const auto it = row.find(column);
            std::printf("%12s", it == row.end() ? "-" : text(it->second).c_str());
        }
        std::printf("\n");
    }
    std::printf(
        "any: one test for all transports together. -: the transport has no such thing, "
        "and Capabilities checks that it says so.\n\n");
    std::fflush(stdout);
}

}  // namespace lab
