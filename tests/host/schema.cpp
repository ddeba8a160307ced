// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <random>
#include <statchan/schema.hpp>

#include "support/ok.hpp"
#include "support/schema_blob.hpp"

namespace {

using statchan::errc;
using statchan::Schema;
using test::SchemaBlob;

std::string names(const std::vector<statchan::CounterRef>& refs) {
    std::string all;
    for (const auto& ref : refs) all += ref.name() + " ";
    return all;
}

TEST(Schema, ParsesWhatTheKernelWrites) {
    const auto schema = Schema::parse(SchemaBlob::ports().bytes());
    ASSERT_OK(schema);
    EXPECT_EQ((*schema)->counters(), 14U);
    ASSERT_EQ((*schema)->groups().size(), 2U);
    const auto& queue = (*schema)->groups()[1];
    EXPECT_EQ(queue.name, "queue");
    EXPECT_EQ(queue.first_counter, 12U);
    EXPECT_EQ(queue.fields[0].type, statchan::FieldType::gauge);
    const auto column = (*schema)->column("port", "rx_bytes");
    ASSERT_OK(column);
    EXPECT_EQ(column->index(2), 7U);
}

TEST(Schema, NamesWhatThereIs) {
    const auto schema = Schema::parse(SchemaBlob::ports().bytes());
    ASSERT_OK(schema);
    EXPECT_FAILS((*schema)->group("prot"), errc::no_such_counter);
    EXPECT_EQ((*schema)->group("prot").error().message(),
              "find group 'prot': no such group; there are: port, queue");
    EXPECT_EQ((*schema)->column("port", "rx").error().message(),
              "find field 'rx': no such field in group 'port'; there are: rx_packets, rx_bytes, "
              "tx_packets");
}

TEST(Schema, SelectsByGlobs) {
    const auto schema = Schema::parse(SchemaBlob::ports().bytes());
    ASSERT_OK(schema);
    const auto& s = **schema;
    EXPECT_EQ(s.select("*").size(), 14U);
    EXPECT_EQ(s.select("").size(), 14U);
    EXPECT_EQ(s.select("port").size(), 12U);
    EXPECT_EQ(names(s.select("port/1/rx_*")), "port/1/rx_packets port/1/rx_bytes ");
    EXPECT_EQ(names(s.select("*/[13]/*packets")),
              "port/1/rx_packets port/1/tx_packets port/3/rx_packets port/3/tx_packets ");
    EXPECT_EQ(names(s.select("queue//depth")), "queue/0/depth queue/1/depth ");
    EXPECT_TRUE(s.select("port/9").empty());
    EXPECT_TRUE(s.select("port/1/rx_bytes/more").empty());
}

TEST(Schema, RejectsLies) {
    const auto bad = [](auto change, bool rehash = true) {
        auto blob = SchemaBlob::ports();
        change(blob);
        EXPECT_FAILS(Schema::parse(blob.bytes(rehash)), errc::bad_data);
    };
    bad([](auto& b) { b.head.magic = 0; });
    bad([](auto& b) { b.head.len = 12; });
    bad([](auto& b) { b.head.n_groups = 0xffffffff; });
    bad([](auto& b) { b.head.n_fields = 0x7fffffff; });
    bad([](auto& b) { b.head.n_counters = 15; });
    bad([](auto& b) { b.head.n_counters = 1ULL << 60; });
    bad([](auto& b) { b.head.hash = 1; }, false);
    bad([](auto& b) { b.groups[0].name[0] = 0; });
    bad([](auto& b) { b.groups[0].instances = 0; });
    bad([](auto& b) { b.groups[0].instances = 0xffffffff; });
    bad([](auto& b) { b.groups[1].n_fields = 0; });
    bad([](auto& b) { b.groups[1].n_fields = 2; });
    bad([](auto& b) { b.groups[1].first_field = 0; });
    bad([](auto& b) { b.groups[1].first_field = 0xffffffff; });
    bad([](auto& b) { b.groups[1].first_counter = 11; });
    bad([](auto& b) { b.fields[2].type = 3; });
    bad([](auto& b) { b.fields[2].name[0] = 0; });
    bad([](auto& b) { b.fields.pop_back(); });
}

TEST(Schema, NameWithoutItsEndIsALie) {
    for (const bool of_group : {true, false}) {
        auto blob = SchemaBlob::ports();
        auto& name = of_group ? blob.groups[0].name : blob.fields[0].name;
        std::memset(name, 'x', sizeof name);
        const auto schema = Schema::parse(blob.bytes());
        EXPECT_FAILS(schema, errc::bad_data);
        // and its bytes are not read further than that
        const auto told = std::string{"'"}.append(STATCHAN_NAME_MAX, 'x').append("'");
        EXPECT_NE(schema.error().message().find(told), std::string::npos);
    }
}

TEST(Schema, RejectsEveryCut) {
    auto blob = SchemaBlob::ports();
    const auto whole = blob.bytes();
    for (std::size_t n = 0; n < whole.size(); ++n) {
        const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<long>(n));
        EXPECT_FAILS(Schema::parse(cut), errc::bad_data);
    }
}

// With the hash made right again, so that the random bytes reach the checks behind it.
TEST(Schema, SurvivesRandomBytes) {
    std::mt19937_64 random{3};
    for (int round = 0; round < 20000; ++round) {
        auto blob = SchemaBlob::ports();
        for (int change = 0; change < 2; ++change) {
            const auto pick = random() % 3;
            auto* bytes = pick == 0   ? reinterpret_cast<unsigned char*>(&blob.head)
                          : pick == 1 ? reinterpret_cast<unsigned char*>(blob.groups.data())
                                      : reinterpret_cast<unsigned char*>(blob.fields.data());
            const auto size = pick == 0   ? sizeof blob.head
                              : pick == 1 ? blob.groups.size() * sizeof blob.groups[0]
                                          : blob.fields.size() * sizeof blob.fields[0];
            bytes[random() % size] = static_cast<unsigned char>(random());
        }
        const auto schema = Schema::parse(blob.bytes());
        if (!schema) continue;
        for (const auto& ref : (*schema)->select("*")) ASSERT_LT(ref.index, (*schema)->counters());
    }
}

}  // namespace
