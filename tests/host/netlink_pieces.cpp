// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <linux/genetlink.h>

#include "netlink/pieces.hpp"
#include "support/ok.hpp"

namespace {

using statchan::errc;
using statchan::Result;
using namespace statchan::detail;

struct Piece {
    std::optional<std::uint64_t> length{}, generation{9}, offset{0};
    std::size_t bytes = 8;
};

struct Whole {
    Pieces pieces{1000, {"test"}};
    std::vector<std::byte> memory{};

    Result<void> add(const Piece& p) {
        Request request{33, STATCHAN_CMD_SNAPSHOT_GET, 0, 1};
        if (p.generation) request.put_u64(STATCHAN_A_GENERATION, *p.generation);
        if (p.length) request.put_u64(STATCHAN_A_LENGTH, *p.length).put_u64(STATCHAN_A_DIGEST, 77);
        if (p.offset) request.put_u64(STATCHAN_A_OFFSET, *p.offset);
        if (p.bytes != 0) request.put_text(STATCHAN_A_DATA, std::string(p.bytes - 1, 'd'));
        Attrs attrs;
        EXPECT_TRUE(parse_attrs(request.finish(0).subspan(NLMSG_HDRLEN + GENL_HDRLEN), attrs));
        return pieces.add(attrs, [&](std::size_t n) -> std::span<std::byte> {
            memory.resize(n);
            return memory;
        });
    }
};

TEST(Pieces, MakeAWhole) {
    Whole whole;
    ASSERT_OK(whole.add({.length = 24}));
    EXPECT_FAILS(whole.pieces.finish(), errc::bad_data);
    ASSERT_OK(whole.add({.offset = 8, .bytes = 16}));
    const auto done = whole.pieces.finish();
    ASSERT_OK(done);
    EXPECT_EQ(done->size(), 24U);
    EXPECT_EQ(whole.pieces.digest(), 77U);
}

TEST(Pieces, NothingIsNoWhole) { EXPECT_FAILS((Whole{}.pieces.finish()), errc::bad_data); }

TEST(Pieces, FirstWithoutASensibleLength) {
    EXPECT_FAILS(Whole{}.add({}), errc::bad_data);
    EXPECT_FAILS(Whole{}.add({.length = 0}), errc::bad_data);
    EXPECT_FAILS(Whole{}.add({.length = 1001}), errc::bad_data);
    EXPECT_FAILS(Whole{}.add({.length = ~0ULL}), errc::bad_data);
}

TEST(Pieces, ThatDoNotFitTogether) {
    for (const auto& second :
         {Piece{.offset = 0}, Piece{.offset = 16}, Piece{.offset = ~0ULL}, Piece{.offset = {}},
          Piece{.offset = 8, .bytes = 0}, Piece{.offset = 8, .bytes = 17},
          Piece{.generation = 10, .offset = 8}, Piece{.generation = {}, .offset = 8}}) {
        Whole whole;
        ASSERT_OK(whole.add({.length = 24}));
        EXPECT_FAILS(whole.add(second), errc::bad_data);
    }
}

}  // namespace
