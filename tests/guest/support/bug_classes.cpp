// SPDX-License-Identifier: MIT
#include "bug_classes.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <vector>

namespace lab {
namespace {

struct BugClass {
    const char* what;
    const char* seen;  // where it happened to others
    std::vector<const char*> suites;
};

const BugClass classes[] = {
    {"the consumer's position is trusted",
     "CVE-2024-41009",
     {"HostilePosition", "HostileGiveBack"}},
    {"record larger than the ring", "CVE-2021-3489", {"HostileOversize"}},
    {"read-only pages become writable", "04ea3086c4d7", {"HostileWritable"}},
    {"twice the ring in 32 bits", "CVE-2022-49030", {"HostileLargestRing"}},
    {"a mapping is split", "CVE-2025-38563", {"HostileSplit"}},
    {"mmap fails half way", "CVE-2025-38564, CVE-2026-23248", {"HostileHalfWay"}},
    {"fork, double mapping", "26cb63ad11e0", {"HostileFork"}},
    {"freed while mapped", "CVE-2024-0582", {"HostileUseAfterClose"}},
    {"offsets and lengths", "7314e613d5ff, CVE-2013-6763", {"HostileOffsets"}},
    {"geometry: sign, overflow",
     "CVE-2017-7308, CVE-2020-14386",
     {"HostileGeometry", "HostileSubBuffers"}},
    {"configured while set up", "CVE-2016-8655, CVE-2017-1000111", {"HostileSetUp"}},
    {"shared memory read twice", "mapped netlink", {"HostileDoubleRead"}},
    {"relay: read against a switch", "CVE-2023-3268", {"HostileRelayRead"}},
    {"relay: no memory for a CPU", "CVE-2019-19462", {"HostileRelayOpen"}},
    {"group joined without right", "44ec98ea5ea9, e03781879a0d", {"HostileJoin"}},
    {"state shared by dumps", "CVE-2016-9806, ab5b526da048", {"HostileDumps"}},
    {"dump into tiny buffers", "ynl --dbg-small-recv", {"HostileTinyReceive"}},
    {"family gone, socket open", "genetlink 2015", {"HostileFamily"}},
    {"producers deadlock", "BPF rqspinlock", {"HostileContexts"}},
    {"padding leaves the kernel", "classic", {"HostilePadding"}},
    {"32-bit programs", "classic", {"Hostile32Bit"}},
    {"kept after the rights went", "classic", {"HostileDroppedRights"}},
    {"rights of a user namespace",
     "classic",
     {"HostileUserNamespace", "HostileUserNamespaceRelay"}},
    {"memory without end", "classic", {"HostileGreed", "HostileCharge"}},
    {"others are held up", "read of our code", {"HostileHoldUp", "HostileSlowPage"}},
    {"namespace exit", "classic", {"HostileNamespaceExit"}},
    {"module removal", "classic", {"HostileRemoval"}},
};

std::string column_of(const testing::TestInfo& test) {
    const std::string name = test.name();
    const auto slash = name.rfind('/');
    if (test.value_param() == nullptr || slash == std::string::npos) return "any";
    return name.substr(slash + 1);
}

bool is_to_run(const testing::UnitTest& all, const std::string& name) {
    for (int i = 0; i < all.total_test_suite_count(); ++i) {
        const auto* suite = all.GetTestSuite(i);
        if (suite->name() == name) return suite->should_run();
    }
    return true;  // a suite that is named and not there is missing, whatever the filter says
}

std::string join(const std::set<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : " ") + name;
    return text;
}

}  // namespace

void BugClasses::OnTestEnd(const testing::TestInfo& test) {
    auto& suite = suites_[test.test_suite_name()];
    suite.over.insert(column_of(test));
    ++(test.result()->Passed() && !test.result()->Skipped() ? suite.passed : suite.failed);
}

void BugClasses::OnTestIterationEnd(const testing::UnitTest& all, int) {
    bool headed = false;
    for (const auto& row : classes) {
        for (const auto* name : row.suites) {
            if (!is_to_run(all, name)) continue;
            if (!headed)
                std::printf("\n%-36s%-33s%-22s%-12s%s\n", "bug class", "seen in", "test", "result",
                            "over");
            headed = true;
            const auto& suite = suites_[name];
            const bool good = suite.passed > 0 && suite.failed == 0;
            incomplete_ |= !good;
            const auto result = suite.failed != 0   ? std::to_string(suite.failed) + " FAILED"
                                : suite.passed != 0 ? std::to_string(suite.passed) + " ok"
                                                    : std::string{"NO TEST"};
            std::printf("%-36s%-33s%-22s%-12s%s\n", row.what, row.seen, name, result.c_str(),
                        join(suite.over).c_str());
        }
    }
    if (headed) std::printf("\n");
    std::fflush(stdout);
}

}  // namespace lab
