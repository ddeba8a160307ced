// SPDX-License-Identifier: MIT
//
// statctl calibrate, as far as user space goes: what was measured can be, and what was not says
// why.
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "run.hpp"

namespace {

using Json = nlohmann::json;

const std::set<std::string> user{"clock.user",
                                 "syscall.user.read",
                                 "memcpy.user",
                                 "page.fault",
                                 "page.copy",
                                 "tlb.mapping",
                                 "context.switch",
                                 "wakeup.eventfd",
                                 "wakeup.poll",
                                 "netlink.roundtrip",
                                 "syscall.user.read.cycles"};
const std::set<std::string> kernel{"clock.kernel", "syscall.kernel.vfs", "syscall.kernel.fop",
                                   "copy_to_user", "page.remap",         "skb.alloc",
                                   "emit.nobody",  "emit.unheard"};

// What needs BPF, and the right to use it.
const std::set<std::string> privileged{"bpf_ringbuf_record"};

// What a machine may lack.
bool may_be_missing(const std::string& name) {
    return name.starts_with("wakeup.") || name.ends_with(".cycles");
}

void expect_good_spread(const Json& primitive) {
    const auto& value = primitive["value"];
    ASSERT_TRUE(value.is_object()) << primitive;
    EXPECT_GT(value["median"], 0) << primitive;
    EXPECT_LE(value["min"], value["median"]) << primitive;
    EXPECT_LE(value["median"], value["max"]) << primitive;
    EXPECT_GE(value["values"].size(), 5U) << primitive;
}

TEST(Calibrate, UserSpaceAlone) {
    const auto outcome = test::statctl({"calibrate", "--user-only", "--quick", "-j"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    const auto json = Json::parse(outcome.out);
    EXPECT_NE(json["environment"]["kernel"], "");
    EXPECT_EQ(json["complete"], true);
    std::map<std::string, int> seen;
    for (const auto& primitive : json["primitives"]) {
        const std::string name = primitive["name"];
        const std::string unavailable = primitive["unavailable"];
        ++seen[name];
        EXPECT_NE(primitive["unit"], "") << name;
        EXPECT_NE(primitive["what"], "") << name;
        if (kernel.contains(name) || privileged.contains(name)) {
            EXPECT_EQ(unavailable, "left out by --user-only");
        } else if (unavailable.empty() || !may_be_missing(name)) {
            expect_good_spread(primitive);
        }
    }
    for (const auto& names : {user, kernel, privileged})
        for (const auto& name : names)
            EXPECT_EQ(seen[name], name == "memcpy.user" || name == "copy_to_user" ? 5 : 1) << name;
    EXPECT_EQ(seen.size(), user.size() + kernel.size() + privileged.size());
}

TEST(Calibrate, WithoutTheModuleTheReasonIsGiven) {
    if (::access("/dev/statchan", F_OK) == 0) GTEST_SKIP() << "the module is loaded here";
    const auto outcome = test::statctl({"calibrate", "--quick"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_TRUE(outcome.err.starts_with("statctl: note: ")) << outcome.err;
    EXPECT_NE(outcome.err.find("module is not loaded"), std::string::npos) << outcome.err;
    for (const auto& name : kernel) {
        const auto line = outcome.out.find("\n" + name);
        ASSERT_NE(line, std::string::npos) << name << " in:\n" << outcome.out;
        const auto text = outcome.out.substr(line, outcome.out.find('\n', line + 1) - line);
        EXPECT_NE(text.find("unavailable: the statchan module is not loaded"), std::string::npos)
            << text;
    }
}

}  // namespace
