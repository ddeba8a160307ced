// SPDX-License-Identifier: MIT
#include "abi.hpp"

#include <gtest/gtest.h>

#include "support/ok.hpp"

namespace {

using namespace statchan;
using namespace statchan::detail;
using namespace std::chrono_literals;

TEST(Abi, MismatchNamesBothVersions) {
    ASSERT_OK(check_version({.abi = STATCHAN_ABI, .nr_cpus = 1}, {"open"}));
    const auto newer = check_version({.abi = STATCHAN_ABI + 1, .nr_cpus = 1}, {"open"});
    EXPECT_FAILS(newer, errc::abi_mismatch);
    EXPECT_EQ(newer.error().message(),
              "open: the module speaks ABI 2, this library ABI 1; update this library");
    EXPECT_FAILS(check_version({.abi = 0, .nr_cpus = 1}, {"open"}), errc::abi_mismatch);
}

TEST(Abi, NoArrayIsSizedByALie) {
    for (const auto cpus : {0U, 65537U, ~0U})
        EXPECT_FAILS(check_version({.abi = STATCHAN_ABI, .nr_cpus = cpus}, {"open"}),
                     errc::bad_data);
}

TEST(Abi, NamesFitOrFail) {
    char field[STATCHAN_NAME_MAX];
    ASSERT_OK(put_name(field, std::string(31, 'x'), {"t"}));
    EXPECT_EQ(text(field).size(), 31U);
    const auto invalid = std::make_error_code(std::errc::invalid_argument);
    EXPECT_FAILS(put_name(field, std::string(32, 'x'), {"t"}), invalid);
    EXPECT_FAILS(put_name(field, "", {"t"}), invalid);
    EXPECT_FAILS(put_name(field, std::string_view{"a\0b", 3}, {"t"}), invalid);
}

TEST(Abi, ConfigGoesThereAndBack) {
    const ChannelConfig config{.rate = 100,
                               .snaplen = 64,
                               .watermark_records = 3,
                               .watermark_bytes = 4,
                               .timeout = never,
                               .buffer_size = 5,
                               .subbufs = 6,
                               .mode = Mode::overwrite,
                               .period = 7ms};
    const auto kernel = from_config(config);
    EXPECT_EQ(kernel.timeout_ns, STATCHAN_TIMEOUT_NEVER);
    EXPECT_EQ(kernel.period_ns, 7000000U);
    const auto back = to_config(kernel);
    EXPECT_EQ(back.rate, 100U);
    EXPECT_EQ(back.timeout, never);
    EXPECT_EQ(back.mode, Mode::overwrite);
    EXPECT_EQ(back.period, 7ms);
}

TEST(Abi, TimesBeyondTheClockDoNotTurnNegative) {
    EXPECT_GT(to_timeout(~0ULL - 1).count(), 0);
    EXPECT_EQ(to_timeout(STATCHAN_TIMEOUT_NEVER), never);
}

TEST(Abi, UnavailableIsNotZero) {
    statchan_ledger ledger{};
    ledger.accepted = 5;
    ledger.consumed = STATCHAN_UNAVAILABLE;
    ledger.lost[3] = STATCHAN_UNAVAILABLE;
    const auto entry = to_ledger_entry(ledger);
    EXPECT_EQ(entry.accepted, 5U);
    EXPECT_FALSE(entry.consumed);
    EXPECT_FALSE(entry.lost[3]);
    EXPECT_EQ(entry.lost[0], 0U);
}

TEST(Abi, StringsThatDoNotEnd) {
    statchan_source_info info{};
    std::memset(info.name, 'n', sizeof info.name);
    std::memset(info.params, 'p', sizeof info.params);
    const auto source = to_source_info(info);
    EXPECT_EQ(source.name.size(), sizeof info.name);
    EXPECT_EQ(source.params.size(), sizeof info.params);
}

TEST(Abi, ShortStructReadsAsZeroAtItsEnd) {
    const std::uint32_t id[] = {1, 42};
    const auto info = copy_struct<statchan_source_info>(std::as_bytes(std::span{id}));
    EXPECT_EQ(info.id, 42U);
    EXPECT_EQ(info.rate, 0U);
}

TEST(Abi, UnknownTransportKeepsItsNumber) {
    statchan_channel_info info{};
    info.transport = 9;
    EXPECT_EQ(to_channel_info(info).transport, "transport 9");
}

}  // namespace
