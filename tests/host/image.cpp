// SPDX-License-Identifier: MIT
#include "image.hpp"

#include <gtest/gtest.h>

#include "support/image_bytes.hpp"
#include "support/ok.hpp"
#include "support/schema_blob.hpp"

namespace {

using statchan::errc;
using statchan::Schema;
using statchan::detail::read_image;
using statchan::detail::view_image;
using test::ImageBytes;
using test::SchemaBlob;

constexpr statchan::detail::Task task{"test"};

std::shared_ptr<const Schema> ports() { return *Schema::parse(SchemaBlob::ports().bytes()); }

TEST(Image, ShowsCountersByName) {
    const auto schema = ports();
    const auto words = ImageBytes{schema->hash(), 14}.words();
    const auto head = read_image(std::as_bytes(std::span{words}), task);
    ASSERT_OK(head);
    const auto view = view_image(*head, schema, task);
    ASSERT_OK(view);
    EXPECT_EQ(view->generation(), 9U);
    EXPECT_TRUE(view->info().atomic);
    EXPECT_FALSE(view->info().torn);
    EXPECT_EQ(statchan::to_ns(view->info().end), 200U);
    ASSERT_OK(view->at("port", 3, "rx_bytes"));
    EXPECT_EQ(*view->at("port", 3, "rx_bytes"), 100U);
    EXPECT_EQ(view->at(*schema->column("queue", "depth"), 1), 130U);
    const auto port = view->group("port");
    ASSERT_OK(port);
    EXPECT_EQ(port->size(), 4U);
    EXPECT_EQ((*port)[2][1], 70U);
    std::uint64_t sum = 0;
    view->for_each("queue", [&](const auto&, std::uint64_t value) { sum += value; });
    EXPECT_EQ(sum, 250U);
    EXPECT_EQ(view->digest(), statchan::digest(view->counters()));
}

TEST(Image, NamesWhatThereIs) {
    const auto schema = ports();
    const auto words = ImageBytes{schema->hash(), 14}.words();
    const auto view = view_image(*read_image(std::as_bytes(std::span{words}), task), schema, task);
    ASSERT_OK(view);
    EXPECT_FAILS(view->at("port", 4, "rx_bytes"), errc::no_such_counter);
    EXPECT_EQ(view->at("port", 4, "rx_bytes").error().message(),
              "find instance of group 'port': there is no instance 4; there are 0 to 3");
}

TEST(Image, RejectsLies) {
    const auto bad = [](auto change) {
        ImageBytes image{1, 4};
        change(image.head);
        const auto words = image.words();
        EXPECT_FAILS(read_image(std::as_bytes(std::span{words}), task), errc::bad_data);
    };
    bad([](auto& h) { h.magic = 1; });
    bad([](auto& h) { h.head_len = 0; });
    bad([](auto& h) { h.head_len = 65; });
    bad([](auto& h) { h.head_len = 0xfffffff8; });
    bad([](auto& h) { h.n_counters = 5; });
    bad([](auto& h) { h.n_counters = ~0ULL; });
    bad([](auto& h) { h.n_counters = 1ULL << 61; });  // x 8 is 2^64
    const auto words = ImageBytes{1, 4}.words();
    EXPECT_FAILS(read_image(std::as_bytes(std::span{words}).first(63), task), errc::bad_data);
    EXPECT_FAILS(read_image({}, task), errc::bad_data);
}

TEST(Image, LongerHeadOfANewerKernelIsSkipped) {
    ImageBytes image{1, 4};
    image.head.head_len = 72;
    image.head.n_counters = 3;
    const auto words = image.words();
    const auto head = read_image(std::as_bytes(std::span{words}), task);
    ASSERT_OK(head);
    EXPECT_EQ(head->counters[0], 10U);
}

TEST(Image, RejectsAnotherSchema) {
    const auto schema = ports();
    const auto words = ImageBytes{schema->hash() + 1, 14}.words();
    const auto head = read_image(std::as_bytes(std::span{words}), task);
    ASSERT_OK(head);
    EXPECT_FAILS(view_image(*head, schema, task), errc::bad_data);
    const auto few = ImageBytes{schema->hash(), 13}.words();
    EXPECT_FAILS(view_image(*read_image(std::as_bytes(std::span{few}), task), schema, task),
                 errc::bad_data);
}

}  // namespace
