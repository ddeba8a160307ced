// SPDX-License-Identifier: MIT
#include "catalog.hpp"

#include <gtest/gtest.h>
#include <linux/statchan.h>

#include "support/ok.hpp"
#include "support/schema_blob.hpp"

namespace {

using namespace statchan;
using namespace statchan::detail;

// A kernel with one source.
class OneSource final : public Control {
  public:
    Result<Version> version() override { return Version{}; }
    Result<std::vector<TransportInfo>> transports() override { return {}; }
    Result<std::vector<SourceInfo>> sources() override { return {}; }
    Result<SourceInfo> source(std::string_view) override { return info; }
    Result<void> add_source(std::string_view, std::string_view, std::string_view) override {
        return {};
    }
    Result<void> remove_source(std::string_view) override { return {}; }
    Result<void> set_source(std::string_view, std::string_view) override { return {}; }
    Result<std::vector<std::byte>> schema(std::uint32_t, std::string_view,
                                          std::uint64_t max_bytes) override {
        room = max_bytes;
        return test::SchemaBlob::ports().bytes();
    }
    Result<std::vector<ChannelInfo>> channels() override { return {}; }
    Result<std::vector<LedgerEntry>> ledger(std::uint32_t) override { return {}; }

    SourceInfo info{.id = 3, .name = "sw0", .n_counters = 14};
    std::uint64_t room = 0;
};

TEST(Catalog, NoBufferIsSizedByALie) {
    OneSource kernel;
    Catalog catalog{kernel};
    kernel.info.n_counters = STATCHAN_COUNTERS_MAX;
    ASSERT_OK(catalog.refresh("sw0"));
    kernel.info.n_counters = STATCHAN_COUNTERS_MAX + 1ULL;
    EXPECT_FAILS(catalog.refresh("sw0"), errc::bad_data);
    EXPECT_FAILS(catalog.find("sw0"), errc::bad_data);
}

TEST(Catalog, SchemaHasTheRoomThatItsCountersCanNeed) {
    OneSource kernel;
    Catalog catalog{kernel};
    const auto found = catalog.find("sw0");
    ASSERT_OK(found);
    // Of another hash than announced; the room was asked for before.
    EXPECT_FAILS(catalog.schema(*found, "sw0"), errc::bad_data);
    EXPECT_GE(kernel.room, test::SchemaBlob::ports().bytes().size());
    EXPECT_LT(kernel.room, 2000U);
}

}  // namespace
