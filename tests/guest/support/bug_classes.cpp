// SPDX-License-Identifier: MIT
#include "bug_classes.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <vector>

namespace lab {
namespace {

using Over = std::set<std::string>;

// By name, and not from the library's table: a transport that is lost there is missed here.
namespace over {
const Over once{"any"};
const Over all{"ioctl", "read", "procfs", "netlink", "netlink_nl", "relay", "mmap", "bpf"};
const Over snapshots{"ioctl", "read", "procfs", "netlink", "netlink_nl", "mmap"};
const Over samples{"ioctl", "read", "netlink", "netlink_nl", "relay", "mmap", "bpf"};
const Over zerocopy{"mmap", "bpf"};
const Over files{"relay"};
const Over multicast{"netlink", "netlink_nl"};
const Over mappings{"mmap_ring", "mmap_snapshot", "mmap_live", "relay", "calibrate"};
const Over texts{"text", "legacy"};
}  // namespace over

struct Suite {
    const char* name;
    Over over;
};

struct BugClass {
    const char* what;
    const char* seen;  // where it happened to others
    std::vector<Suite> suites;
};

const BugClass classes[] = {
    {"the consumer's position is trusted",
     "CVE-2024-41009",
     {{"HostilePosition", over::zerocopy}, {"HostileGiveBack", over::files}}},
    {"record larger than the ring", "CVE-2021-3489", {{"HostileOversize", over::zerocopy}}},
    {"read-only pages become writable", "04ea3086c4d7", {{"HostileWritable", over::mappings}}},
    {"twice the ring in 32 bits", "CVE-2022-49030", {{"HostileLargestRing", over::zerocopy}}},
    {"a mapping is split",
     "CVE-2025-38563",
     {{"HostileSplit", over::mappings}, {"HostileAccounts", over::once}}},
    {"mmap fails half way", "CVE-2025-38564, CVE-2026-23248", {{"HostileHalfWay", over::mappings}}},
    {"fork, double mapping", "26cb63ad11e0", {{"HostileFork", over::mappings}}},
    {"freed while mapped", "CVE-2024-0582", {{"HostileUseAfterClose", over::mappings}}},
    {"offsets and lengths",
     "7314e613d5ff, CVE-2013-6763",
     {{"HostileOffsets", over::mappings}, {"HostileLengths", over::once}}},
    {"geometry: sign, overflow",
     "CVE-2017-7308, CVE-2020-14386",
     {{"HostileGeometry", over::samples}, {"HostileSubBuffers", over::files}}},
    {"configured while set up",
     "CVE-2016-8655, CVE-2017-1000111",
     {{"HostileSetUp", over::samples}, {"HostileSetUpOf", over::once}}},
    {"shared memory read twice", "mapped netlink", {{"HostileDoubleRead", over::once}}},
    {"relay: read against a switch", "CVE-2023-3268", {{"HostileRelayRead", over::files}}},
    {"relay: no memory for a CPU", "CVE-2019-19462", {{"HostileRelayOpen", over::files}}},
    {"group joined without right",
     "44ec98ea5ea9, e03781879a0d",
     {{"HostileJoin", over::multicast}, {"HostileJoinEarly", over::once}}},
    {"state shared by dumps", "CVE-2016-9806, ab5b526da048", {{"HostileDumps", over::once}}},
    {"dump into tiny buffers", "ynl --dbg-small-recv", {{"HostileTinyReceive", over::once}}},
    {"family gone, socket open", "genetlink 2015", {{"HostileFamily", over::once}}},
    {"producers deadlock", "BPF rqspinlock", {{"HostileContexts", over::samples}}},
    {"padding leaves the kernel",
     "classic",
     {{"HostilePadding", over::all},
      {"HostilePaddingOfRecords", over::samples},
      {"HostilePaddingItself", over::once}}},
    {"32-bit programs", "classic", {{"Hostile32Bit", over::once}}},
    {"kept after the rights went",
     "classic",
     {{"HostileDroppedRights", over::samples},
      {"HostileDroppedRightsOfReaders", over::snapshots},
      {"HostileDroppedRightsOf", over::once}}},
    {"another's descriptor is a right", "CVE-2014-0181", {{"HostilePassedOn", over::once}}},
    {"rights of a user namespace",
     "classic",
     {{"HostileUserNamespace", over::samples},
      {"HostileUserNamespaceNetlink", over::once},
      {"HostileUserNamespaceRelay", over::once}}},
    {"memory without end",
     "classic",
     {{"HostileGreed", over::snapshots},
      {"HostileGreedOf", over::once},
      {"HostileCharge", over::once}}},
    {"others are held up",
     "read of our code",
     {{"HostileHoldUp", over::once},
      {"HostileSlowPage", over::texts},
      {"HostileSlowPageOfRelay", over::once}}},
    {"namespace exit",
     "classic",
     {{"HostileNamespaceExit", over::samples}, {"HostileNamespaceExitOf", over::once}}},
    {"module removal",
     "classic",
     {{"HostileRemoval", over::all},
      {"HostileRemovalUnderPackets", over::samples},
      {"HostileRemovalOf", over::once}}},
};

std::string column_of(const testing::TestInfo& test) {
    const std::string name = test.name();
    const auto slash = name.rfind('/');
    if (test.value_param() == nullptr || slash == std::string::npos) return "any";
    return name.substr(slash + 1);
}

const testing::TestSuite* suite_called(const testing::UnitTest& program, const std::string& name) {
    for (int i = 0; i < program.total_test_suite_count(); ++i)
        if (program.GetTestSuite(i)->name() == name) return program.GetTestSuite(i);
    return nullptr;
}

/// What there are tests over, whatever the filter says.
Over over_of(const testing::TestSuite& suite) {
    Over over;
    for (int i = 0; i < suite.total_test_count(); ++i)
        over.insert(column_of(*suite.GetTestInfo(i)));
    return over;
}

std::string join(const Over& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : " ") + name;
    return text;
}

/// Suites whose name says that they belong in the table, and that nobody has put there.
std::vector<std::string> forgotten(const testing::UnitTest& program) {
    std::set<std::string> known;
    for (const auto& row : classes)
        for (const auto& suite : row.suites) known.insert(suite.name);
    std::vector<std::string> names;
    for (int i = 0; i < program.total_test_suite_count(); ++i) {
        const std::string name = program.GetTestSuite(i)->name();
        const auto bare = name.substr(name.rfind('/') + 1);  // without an instance's name
        if (bare.starts_with("Hostile") && !known.contains(name)) names.push_back(name);
    }
    return names;
}

}  // namespace

void BugClasses::OnTestEnd(const testing::TestInfo& test) {
    auto& suite = suites_[test.test_suite_name()];
    suite.over.insert(column_of(test));
    ++(test.result()->Passed() && !test.result()->Skipped() ? suite.passed : suite.failed);
}

void BugClasses::OnTestIterationEnd(const testing::UnitTest& program, int) {
    bool headed = false;
    for (const auto& row : classes) {
        for (const auto& [name, promised] : row.suites) {
            // A suite that is named and not there is missing, whatever the filter says.
            const auto* const there = suite_called(program, name);
            if (there != nullptr && !there->should_run()) continue;
            if (!headed)
                std::printf("\n%-36s%-33s%-29s%-12s%s\n", "bug class", "seen in", "test", "result",
                            "over");
            headed = true;
            const auto& ran = suites_[name];
            const auto result = ran.failed != 0   ? std::to_string(ran.failed) + " FAILED"
                                : ran.passed != 0 ? std::to_string(ran.passed) + " ok"
                                                  : std::string{"NO TEST"};
            std::printf("%-36s%-33s%-29s%-12s%s\n", row.what, row.seen, name, result.c_str(),
                        join(ran.over).c_str());
            const bool as_promised = there != nullptr && over_of(*there) == promised;
            if (!as_promised)
                std::printf("%-36sFAILED: %s is to be over: %s\n", "", name,
                            join(promised).c_str());
            incomplete_ |= ran.passed == 0 || ran.failed != 0 || !as_promised;
        }
    }
    for (const auto& name : forgotten(program)) {
        std::printf("FAILED: %s is in no row of support/bug_classes.cpp\n", name.c_str());
        incomplete_ = true;
    }
    if (headed) std::printf("\n");
    std::fflush(stdout);
}

}  // namespace lab
