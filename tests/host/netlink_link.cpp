// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "abi.hpp"
#include "netlink/control.hpp"
#include "netlink/events.hpp"
#include "netlink/link.hpp"
#include "support/fake_socket.hpp"
#include "support/ok.hpp"

namespace {

using statchan::errc;
using statchan::EventType;
using statchan::nanoseconds;
using namespace statchan::detail;
using test::FakeKernel;

constexpr std::uint16_t family = 33;

void answer_family(FakeKernel& kernel, std::uint16_t id = family) {
    Request r{GENL_ID_CTRL, CTRL_CMD_NEWFAMILY, 0, 1};
    r.put_u32(CTRL_ATTR_FAMILY_ID, id);  // u16 in the kernel; the low half is first here
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

TEST_F(LinkTest, ReceiveErrorSaysWhatWasBeingDone) {
    auto link = open();
    NetlinkControl control{link};
    kernel.failure(ENOMEM);
    const auto source = control.source("x");
    EXPECT_FAILS(source, std::make_error_code(std::errc::not_enough_memory));
    EXPECT_EQ(source.error().doing, "look up source 'x'");
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

// ---- the module goes, and comes back ----

/// A kernel whose module is unloaded and loaded: its family is known by one number at a time.
class ReloadTest : public LinkTest {
  protected:
    ReloadTest() {
        kernel.on_request = [this](FakeKernel& k, const nlmsghdr& header, const Attrs&,
                                   std::uint8_t cmd) {
            if (header.nlmsg_type == GENL_ID_CTRL)
                return loaded != 0 ? answer_family(k, loaded) : k.verdict(ENOENT);
            asked.emplace_back(header.nlmsg_type, cmd);
            if (header.nlmsg_type != loaded) return k.verdict(ENOENT);  // without a sentence
            if (cmd == STATCHAN_CMD_VERSION_GET) {
                Request r{loaded, cmd, 0, 1};
                r.put_u32(STATCHAN_A_ABI, abi).put_u32(STATCHAN_A_NR_CPUS, 2);
                k.message(std::move(r));
            }
            if (cmd == STATCHAN_CMD_SOURCE_GET) answer_source(k);
            if (cmd == STATCHAN_CMD_SCHEMA_GET) answer_schema(k);
            if (own_verdict) return own_verdict(k);
            k.verdict();
        };
        auto opened = Link::open(test::make_fake_socket);
        EXPECT_TRUE(opened) << opened.error().message();
        link.emplace(std::move(*opened));
        control.emplace(*link);
    }

    void answer_source(FakeKernel& k) const {
        statchan_source_info info{};
        info.id = source_id;
        std::string bytes(reinterpret_cast<const char*>(&info), sizeof info);
        Request r{loaded, STATCHAN_CMD_SOURCE_GET, 0, 1};
        r.put_text(STATCHAN_A_SOURCE_INFO, bytes);
        k.message(std::move(r));
    }
    void answer_schema(FakeKernel& k) const {
        Request r{loaded, STATCHAN_CMD_SCHEMA_GET, 0, 1};
        r.put_u64(STATCHAN_A_LENGTH, 8)
            .put_u64(STATCHAN_A_OFFSET, 0)
            .put_text(STATCHAN_A_DATA, "a blob.");
        k.message(std::move(r));
    }

    using Asked = std::vector<std::pair<std::uint16_t, std::uint8_t>>;
    Asked asked;  // of families: which, what
    std::uint16_t loaded = family;
    std::uint32_t abi = STATCHAN_ABI;
    std::uint32_t source_id = 3;
    std::function<void(FakeKernel&)> own_verdict;
    std::optional<Link> link;
    std::optional<NetlinkControl> control;
};

TEST_F(ReloadTest, ModuleThatWentIsNotLoaded) {
    loaded = 0;
    for (int round = 0; round < 2; ++round) {
        const auto removed = control->remove_source("x");
        EXPECT_FAILS(removed, errc::module_not_loaded);
        EXPECT_EQ(removed.error().doing, "remove source 'x'");
        EXPECT_NE(removed.error().way_out, "");
    }
}

TEST_F(ReloadTest, ModuleThatCameBackGetsTheRequest) {
    loaded = 34;
    EXPECT_OK(control->remove_source("x"));
    EXPECT_EQ(asked, (Asked{{33, STATCHAN_CMD_SOURCE_DEL},
                            {34, STATCHAN_CMD_VERSION_GET},
                            {34, STATCHAN_CMD_SOURCE_DEL}}));
    EXPECT_EQ(link->family().id, 34U);
    EXPECT_EQ(link->reloads(), 1U);
    asked.clear();
    EXPECT_OK(control->remove_source("x"));
    EXPECT_EQ(asked, (Asked{{34, STATCHAN_CMD_SOURCE_DEL}})) << "known by now";
}

TEST_F(ReloadTest, DumpGetsThereToo) {
    loaded = 34;
    const auto* socket = &link->socket();
    const auto sources = control->sources();
    ASSERT_OK(sources);
    EXPECT_EQ(sources->size(), 1U);
    EXPECT_EQ(&link->socket(), socket) << "no dump was left half way";
}

TEST_F(ReloadTest, ModuleThatWentAndCameBackLaterGetsTheRequest) {
    loaded = 0;
    EXPECT_FAILS(control->sources(), errc::module_not_loaded);
    loaded = 34;
    EXPECT_OK(control->sources());
}

// Of a kernel that tells no sentences.
TEST_F(ReloadTest, FamilyThatIsThereHasSaidSoItself) {
    own_verdict = [](FakeKernel& k) { k.verdict(ENOENT); };
    EXPECT_FAILS(control->remove_source("x"), errc::no_such_source);
    EXPECT_EQ(asked, (Asked{{33, STATCHAN_CMD_SOURCE_DEL}})) << "once";
}

TEST_F(ReloadTest, ModuleOfAnotherAbiIsNotAsked) {
    loaded = 34;
    abi = STATCHAN_ABI + 1;
    for (int round = 0; round < 2; ++round) {
        asked.clear();
        const auto removed = control->remove_source("x");
        EXPECT_FAILS(removed, errc::abi_mismatch);
        EXPECT_EQ(removed.error().doing, "remove source 'x'");
        EXPECT_EQ(asked, (Asked{{33, STATCHAN_CMD_SOURCE_DEL}, {34, STATCHAN_CMD_VERSION_GET}}));
    }
    abi = STATCHAN_ABI;
    EXPECT_OK(control->remove_source("x"));
}

// What had number 5 is gone, and 5 may be another.
TEST_F(ReloadTest, NumbersOfTheOldModuleAreNotAskedFor) {
    loaded = 34;
    const auto ledger = control->ledger(5);
    EXPECT_FAILS(ledger, std::make_error_code(std::errc::no_such_file_or_directory));
    EXPECT_NE(ledger.error().message().find("loaded again"), std::string::npos)
        << ledger.error().message();
    EXPECT_EQ(asked, (Asked{{33, STATCHAN_CMD_LEDGER_GET}, {34, STATCHAN_CMD_VERSION_GET}}));
}

// The number that is remembered is the source's again, by chance: it is asked for all the same.
TEST_F(ReloadTest, NumberThatIsTheSameAgainIsUsed) {
    loaded = 34;
    const auto schema = control->schema(3, "x", 8);
    ASSERT_OK(schema);
    EXPECT_EQ(schema->size(), 8U);
    EXPECT_EQ(asked, (Asked{{33, STATCHAN_CMD_SCHEMA_GET},
                            {34, STATCHAN_CMD_VERSION_GET},
                            {34, STATCHAN_CMD_SOURCE_GET},
                            {34, STATCHAN_CMD_SCHEMA_GET}}));
    asked.clear();
    EXPECT_OK(control->schema(3, "x", 8));
    EXPECT_EQ(asked, (Asked{{34, STATCHAN_CMD_SCHEMA_GET}})) << "known by now";
}

TEST_F(ReloadTest, NumberThatIsAnotherSourcesNowIsNotUsed) {
    loaded = 34;
    source_id = 4;
    EXPECT_FAILS(control->schema(3, "x", 8), errc::no_such_source);
    asked.clear();
    // Also when something else has found the module first, and 3 would be answered.
    EXPECT_FAILS(control->schema(3, "x", 8), errc::no_such_source);
    for (const auto& [to, cmd] : asked) EXPECT_NE(cmd, STATCHAN_CMD_SCHEMA_GET);
    EXPECT_OK(control->schema(4, "x", 8));
}

// ---- events ----

class NetlinkEventsTest : public LinkTest {
  protected:
    [[nodiscard]] NetlinkEvents listen() { return NetlinkEvents{open()}; }

    void event(EventType type) {
        Request r{family, STATCHAN_CMD_EVENT, 0, 1};
        r.put_u32(STATCHAN_A_EVENT, static_cast<std::uint32_t>(type));
        tell(std::move(r));
    }
    // The kernel tells of a family; the low half of the number is first here.
    void family_news(std::uint8_t cmd, std::uint16_t id) {
        Request r{GENL_ID_CTRL, cmd, 0, 1};
        r.put_u32(CTRL_ATTR_FAMILY_ID, id);
        tell(std::move(r));
    }
    // "source_added", "error: ...", "" if there is nothing.
    static std::string next(NetlinkEvents& events) {
        const auto event = events.next(nanoseconds{0});
        if (!event) return "error: " + event.error().message();
        return *event ? to_string((*event)->type) : "";
    }

  private:
    void tell(Request request) {
        kernel.message(std::move(request));
        kernel.steps.back().seq_of_request = false;
    }
};

constexpr const char* unloaded =
    "error: receive events: the statchan module was unloaded, and with it these events; when it is "
    "loaded again, ask for events again";

TEST_F(NetlinkEventsTest, EndWithTheModuleAfterTheLast) {
    auto events = listen();
    event(EventType::source_gone);
    family_news(CTRL_CMD_DELMCAST_GRP, family);
    family_news(CTRL_CMD_DELFAMILY, family);
    EXPECT_EQ(next(events), "source_gone");
    EXPECT_EQ(next(events), unloaded);
    family_news(CTRL_CMD_NEWFAMILY, family + 1);
    EXPECT_EQ(next(events), unloaded) << "for ever: the next module's are for others";
}

TEST_F(NetlinkEventsTest, NewsOfOtherFamiliesHideNothing) {
    auto events = listen();
    family_news(CTRL_CMD_NEWFAMILY, family + 1);
    family_news(CTRL_CMD_DELFAMILY, family + 1);
    event(EventType::source_added);
    EXPECT_EQ(next(events), "source_added");
    EXPECT_EQ(next(events), "");
}

// What was lost may have been just that.
TEST_F(NetlinkEventsTest, AskAfterAnOverrunWhetherTheModuleIsThere) {
    auto events = listen();
    unsigned asked = 0;
    int answer = 0;
    kernel.on_request = [&](FakeKernel& k, const nlmsghdr& header, const Attrs&, std::uint8_t) {
        ++asked;
        EXPECT_EQ(header.nlmsg_type, family);
        k.verdict(answer);
    };
    kernel.mishap(Received::overrun);
    event(EventType::source_added);
    EXPECT_EQ(next(events), "overrun");
    EXPECT_EQ(next(events), "source_added");
    EXPECT_EQ(next(events), "");
    EXPECT_EQ(next(events), "");
    EXPECT_EQ(asked, 1U);
    answer = ENOENT;
    kernel.mishap(Received::overrun);
    EXPECT_EQ(next(events), "overrun");
    EXPECT_EQ(next(events), unloaded);
    EXPECT_EQ(next(events), unloaded);
    EXPECT_EQ(asked, 2U);
}

TEST_F(NetlinkEventsTest, ReceiveErrorSaysWhatWasBeingDone) {
    auto events = listen();
    kernel.failure(ENOMEM);
    const auto event = events.next(nanoseconds{0});
    EXPECT_FAILS(event, std::make_error_code(std::errc::not_enough_memory));
    EXPECT_EQ(event.error().doing, "receive events");
}

}  // namespace
