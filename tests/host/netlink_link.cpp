// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "abi.hpp"
#include "netlink/control.hpp"
#include "netlink/link.hpp"
#include "support/fake_socket.hpp"
#include "support/ok.hpp"

namespace {

using statchan::errc;
using namespace statchan::detail;
using test::FakeKernel;

constexpr std::uint16_t family = 33;

void answer_family(FakeKernel& kernel) {
    Request r{GENL_ID_CTRL, CTRL_CMD_NEWFAMILY, 0, 1};
    r.put_u32(CTRL_ATTR_FAMILY_ID, family);  // u16 in the kernel; the low half is first here
    const auto list = r.begin_nest(CTRL_ATTR_MCAST_GROUPS);
    for (const auto& [name, id] : {std::pair{"events", 11U}, {"samples0", 12U}}) {
        const auto nest = r.begin_nest(1);
        r.put_u32(CTRL_ATTR_MCAST_GRP_ID, id).put_text(CTRL_ATTR_MCAST_GRP_NAME, name);
        r.end_nest(nest);
    }
    r.end_nest(list);
    kernel.message(std::move(r));
    kernel.verdict();
}

class LinkTest : public testing::Test {
  protected:
    LinkTest() {
        test::fake_kernel = &kernel;
        kernel.on_request = [](FakeKernel& k, const nlmsghdr&, const Attrs&, std::uint8_t) {
            answer_family(k);
        };
    }
    [[nodiscard]] Link open() {
        auto link = Link::open(test::make_fake_socket);
        EXPECT_TRUE(link) << link.error().message();
        kernel.on_request = nullptr;
        return std::move(*link);
    }
    FakeKernel kernel;
};

TEST_F(LinkTest, FindsFamilyAndGroups) {
    const auto link = open();
    EXPECT_EQ(link.family().id, family);
    EXPECT_EQ(link.family().groups.at("samples0"), 12U);
}

TEST_F(LinkTest, NoFamilyMeansNoModule) {
    kernel.on_request = [](FakeKernel& k, const nlmsghdr&, const Attrs&, std::uint8_t) {
        k.verdict(ENOENT);
    };
    EXPECT_FAILS(Link::open(test::make_fake_socket), errc::module_not_loaded);
}

TEST_F(LinkTest, FailureCarriesTheKernelsSentence) {
    auto link = open();
    NetlinkControl control{link};
    kernel.verdict(ENOENT, "no source 'x' in this network namespace");
    const auto source = control.source("x");
    EXPECT_FAILS(source, errc::no_such_source);
    EXPECT_EQ(source.error().message(),
              "look up source 'x': no source 'x' in this network namespace (No such file or "
              "directory)");
}

TEST_F(LinkTest, SilenceOverrunAndTruncationAreErrors) {
    auto link = open();
    NetlinkControl control{link};
    EXPECT_FAILS(control.version(), std::make_error_code(std::errc::timed_out));
    kernel.mishap(Received::overrun);
    EXPECT_FAILS(control.version(), std::make_error_code(std::errc::no_buffer_space));
    kernel.mishap(Received::truncated);
    EXPECT_FAILS(control.version(), errc::bad_data);
}

// What such an exchange left in its socket would be taken for the next one's.
TEST_F(LinkTest, AfterAnUnfinishedExchangeThereIsAnotherSocket) {
    auto link = open();
    NetlinkControl control{link};
    const auto* first = &link.socket();
    kernel.mishap(Received::overrun);
    EXPECT_FALSE(control.version());
    EXPECT_EQ(&link.socket(), first);
    kernel.verdict(ENOENT, "no");
    EXPECT_FAILS(control.source("x"), errc::no_such_source);
    EXPECT_NE(&link.socket(), first);
    const auto* second = &link.socket();
    kernel.verdict(ENOENT, "a failure that was told to its end");
    EXPECT_FAILS(control.source("x"), errc::no_such_source);
    EXPECT_EQ(&link.socket(), second);
}

TEST_F(LinkTest, InterruptedDumpIsReadAgainButNotForEver) {
    auto link = open();
    NetlinkControl control{link};
    int dumps = 0;
    int interrupted = 2;
    kernel.on_request = [&](FakeKernel& k, const nlmsghdr&, const Attrs&, std::uint8_t) {
        ++dumps;
        Request r{family, STATCHAN_CMD_TRANSPORT_GET, 0, 1};
        r.put_text(STATCHAN_A_NAME, "ioctl").put_u32(STATCHAN_A_CAPS, 5);
        k.message(std::move(r), interrupted-- > 0 ? NLM_F_DUMP_INTR : 0);
        k.verdict();
    };
    const auto list = control.transports();
    ASSERT_OK(list);
    ASSERT_EQ(list->size(), 1U);
    EXPECT_EQ(dumps, 3);
    interrupted = 1000;
    EXPECT_FAILS(control.transports(), errc::interrupted_dump);
}

// Lengths of attributes have 16 bits: of longer ones the kernel would take the tail for others.
TEST_F(LinkTest, ParamsThatAreNoneAreNotSent) {
    auto link = open();
    NetlinkControl control{link};
    kernel.on_request = [](FakeKernel&, const nlmsghdr&, const Attrs&, std::uint8_t) {
        ADD_FAILURE() << "sent";
    };
    const std::string longest(STATCHAN_PARAMS_MAX, 'x');
    const auto too_long = std::make_error_code(std::errc::argument_list_too_long);
    EXPECT_FAILS(control.set_source("x", longest), too_long);
    EXPECT_FAILS(control.add_source("x", "synth", std::string(65'531, 'x')), too_long);
    EXPECT_FAILS(control.set_source("x", std::string_view{"a=1\0b=2", 7}),
                 std::make_error_code(std::errc::invalid_argument));
}

TEST_F(LinkTest, LedgerWithoutEndIsBadData) {
    auto link = open();
    NetlinkControl control{link};
    kernel.on_request = [](FakeKernel& k, const nlmsghdr&, const Attrs&, std::uint8_t) {
        for (std::size_t cpu = 0; cpu <= max_cpus; ++cpu) {
            Request r{family, STATCHAN_CMD_LEDGER_GET, 0, 1};
            const statchan_ledger ledger{};
            r.put_text(STATCHAN_A_LEDGER, {reinterpret_cast<const char*>(&ledger), sizeof ledger});
            k.message(std::move(r));
        }
        k.verdict();
    };
    EXPECT_FAILS(control.ledger(1), errc::bad_data);
}

TEST_F(LinkTest, LateAnswersToOthersArePassedOver) {
    auto link = open();
    NetlinkControl control{link};
    Request late{family, STATCHAN_CMD_VERSION_GET, 0, 1};
    late.put_u32(STATCHAN_A_ABI, 66);
    kernel.message(std::move(late));
    kernel.steps.back().seq_of_request = false;
    Request r{family, STATCHAN_CMD_VERSION_GET, 0, 1};
    r.put_u32(STATCHAN_A_ABI, 1).put_u32(STATCHAN_A_NR_CPUS, 2);
    kernel.message(std::move(r));
    kernel.verdict();
    const auto version = control.version();
    ASSERT_OK(version);
    EXPECT_EQ(version->abi, 1U);
}

TEST_F(LinkTest, IncompleteAnswersAreErrors) {
    auto link = open();
    NetlinkControl control{link};
    kernel.verdict();
    EXPECT_FAILS(control.source("x"), errc::bad_data);
    kernel.message({family, STATCHAN_CMD_LEDGER_GET, 0, 1});
    kernel.verdict();
    EXPECT_FAILS(control.ledger(1), errc::bad_data);
    kernel.message({family, STATCHAN_CMD_SOURCE_GET, 0, 1});
    kernel.verdict();
    EXPECT_FAILS(control.sources(), errc::bad_data);
    kernel.message({family, STATCHAN_CMD_SCHEMA_GET, 0, 1});
    kernel.verdict();
    EXPECT_FAILS(control.schema(1, "x", 8), errc::bad_data);
}

}  // namespace
