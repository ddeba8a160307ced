// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <linux/genetlink.h>

#include <cerrno>
#include <climits>
#include <random>

#include "netlink/wire.hpp"

namespace {

using namespace statchan::detail;

constexpr std::size_t attrs_at = NLMSG_HDRLEN + GENL_HDRLEN;

// Memory of exactly the right size, aligned to 8.
struct Exact {
    explicit Exact(std::span<const std::byte> from)
        : words{new std::uint64_t[(from.size() + 7) / 8]}, size{from.size()} {
        std::memcpy(words.get(), from.data(), size);
    }
    [[nodiscard]] std::span<const std::byte> bytes() const {
        return {reinterpret_cast<const std::byte*>(words.get()), size};
    }
    std::unique_ptr<std::uint64_t[]> words;
    std::size_t size;
};

TEST(Wire, RequestReadsBack) {
    Request request{33, STATCHAN_CMD_CHANNEL_OPEN, NLM_F_ACK, 1};
    request.put_u32(STATCHAN_A_SOURCE, 7).put_text(STATCHAN_A_NAME, "eth0");
    const auto nest = request.begin_nest(STATCHAN_A_CONFIG);
    request.put_u64(STATCHAN_C_TIMEOUT, 99).put_u32(STATCHAN_C_RATE, 3);
    request.end_nest(nest);
    const auto bytes = request.finish(5);
    nlmsghdr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    EXPECT_EQ(header.nlmsg_len, bytes.size());
    EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
    EXPECT_EQ(header.nlmsg_seq, 5U);
    Attrs attrs;
    ASSERT_TRUE(parse_attrs(bytes.subspan(attrs_at), attrs));
    EXPECT_EQ(attrs.u32(STATCHAN_A_SOURCE), 7U);
    EXPECT_EQ(attrs.text(STATCHAN_A_NAME), "eth0");
    EXPECT_EQ(attrs.bytes(STATCHAN_A_NAME).size(), 5U);  // with its end
    Attrs inner;
    ASSERT_TRUE(parse_attrs(attrs.bytes(STATCHAN_A_CONFIG), inner));
    EXPECT_EQ(inner.u64(STATCHAN_C_TIMEOUT), 99U);
    EXPECT_EQ(inner.u32(STATCHAN_C_RATE), 3U);
    EXPECT_FALSE(inner.u32(STATCHAN_C_SNAPLEN));
}

TEST(Wire, ShortNumbersAreNotThere) {
    Request request{33, 1, 0, 1};
    request.put_u32(STATCHAN_A_GENERATION, 7);
    Attrs attrs;
    ASSERT_TRUE(parse_attrs(request.finish(0).subspan(attrs_at), attrs));
    EXPECT_TRUE(attrs.has(STATCHAN_A_GENERATION));
    EXPECT_FALSE(attrs.u64(STATCHAN_A_GENERATION));
}

TEST(Wire, AttributesThatLieEndTheRun) {
    for (const std::uint16_t len : std::initializer_list<std::uint16_t>{0, 1, 3, 9, 0xffff}) {
        Request request{33, 1, 0, 1};
        request.put_u32(STATCHAN_A_SOURCE, 1);
        auto bytes = request.finish(0).subspan(attrs_at);
        std::memcpy(bytes.data(), &len, sizeof len);
        const Exact exact{bytes};
        Attrs attrs;
        EXPECT_FALSE(parse_attrs(exact.bytes(), attrs)) << len;
    }
}

TEST(Wire, UnknownTypesArePassedOver) {
    Request request{33, 1, 0, 1};
    request.put_u32(Attrs::max + 1, 1).put_u32(0x3fff, 1).put_u32(STATCHAN_A_CPU, 4);
    Attrs attrs;
    ASSERT_TRUE(parse_attrs(request.finish(0).subspan(attrs_at), attrs));
    EXPECT_EQ(attrs.u32(STATCHAN_A_CPU), 4U);
}

// A verdict as the kernel builds it: error, request (its head, or all of it), sentence.
std::vector<std::byte> verdict(std::uint16_t type, int error, std::uint16_t flags,
                               std::size_t request_payload, std::string_view text) {
    Request attrs{0, 0, 0, 0};
    attrs.put_text(NLMSGERR_ATTR_MSG, text);
    const auto tail = attrs.finish(0).subspan(attrs_at);
    std::vector<std::byte> out(NLMSG_HDRLEN);
    const auto put = [&](const void* p, std::size_t n) {
        const auto* b = static_cast<const std::byte*>(p);
        out.insert(out.end(), b, b + n);
    };
    put(&error, sizeof error);
    if (type == NLMSG_ERROR) {
        nlmsghdr request{};
        request.nlmsg_len = static_cast<std::uint32_t>(NLMSG_HDRLEN + request_payload);
        put(&request, sizeof request);
        if ((flags & NLM_F_CAPPED) == 0) out.resize(out.size() + NLMSG_ALIGN(request_payload));
    }
    put(tail.data(), tail.size());
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(out.size());
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    header.nlmsg_seq = 8;
    std::memcpy(out.data(), &header, sizeof header);
    return out;
}

TEST(Wire, VerdictsTellErrorAndSentence) {
    const struct {
        std::uint16_t type, flags;
        std::size_t payload;
    } cases[] = {{NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, 30},
                 {NLMSG_ERROR, NLM_F_ACK_TLVS, 30},
                 {NLMSG_ERROR, NLM_F_ACK_TLVS, 0},
                 {NLMSG_DONE, NLM_F_ACK_TLVS, 0}};
    for (const auto& c : cases) {
        const Exact exact{verdict(c.type, -ENOENT, c.flags, c.payload, "no source 'x'")};
        const auto v = parse_verdict(*reinterpret_cast<const nlmsghdr*>(exact.bytes().data()));
        EXPECT_EQ(v.error, ENOENT);
        EXPECT_EQ(v.text, "no source 'x'");
        EXPECT_EQ(v.seq, 8U);
    }
}

TEST(Wire, VerdictWithoutSentence) {
    const Exact exact{verdict(NLMSG_ERROR, 0, 0, 4, "not announced by a flag")};
    const auto v = parse_verdict(*reinterpret_cast<const nlmsghdr*>(exact.bytes().data()));
    EXPECT_EQ(v.error, 0);
    EXPECT_EQ(v.text, "");
}

TEST(Wire, VerdictsThatLie) {
    for (const int error : {INT_MIN, INT_MAX, -5000, 1}) {
        const Exact exact{verdict(NLMSG_ERROR, error, 0, 0, "")};
        EXPECT_EQ(parse_verdict(*reinterpret_cast<const nlmsghdr*>(exact.bytes().data())).error,
                  EPROTO);
    }
    const Exact done{verdict(NLMSG_DONE, 64, 0, 0, "")};
    EXPECT_EQ(parse_verdict(*reinterpret_cast<const nlmsghdr*>(done.bytes().data())).error, 0);
}

TEST(Wire, SurvivesRandomBytes) {
    std::mt19937_64 random{4};
    for (int round = 0; round < 20000; ++round) {
        auto bytes = verdict(random() % 2 == 0 ? NLMSG_ERROR : NLMSG_DONE, -ENOENT, NLM_F_ACK_TLVS,
                             random() % 20, "sentence");
        // All but the length, which the libraries have checked.
        for (int change = 0; change < 3; ++change)
            bytes[4 + random() % (bytes.size() - 4)] = static_cast<std::byte>(random());
        const auto len = static_cast<std::uint32_t>(16 + random() % (bytes.size() - 15));
        std::memcpy(bytes.data(), &len, sizeof len);
        const Exact exact{std::span{bytes}.first(len)};
        const auto v = parse_verdict(*reinterpret_cast<const nlmsghdr*>(exact.bytes().data()));
        ASSERT_GE(v.error, 0);
        ASSERT_LE(v.text.size(), bytes.size());
    }
}

}  // namespace
