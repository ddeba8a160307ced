// SPDX-License-Identifier: MIT
//
// An interface goes down, is renamed, deleted or moved: its streams end clearly, after what was
// accepted, and nobody keeps it from going. (The kernel would say "unregister_netdevice: waiting
// for ... to become free", which fails every test.)
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "support/links.hpp"
#include "support/netns.hpp"
#include "support/reader.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

class NetdevLifetime : public testing::TestWithParam<std::string> {
  protected:
    Veth veth;
    Namespace third{"third"};
    Inside here{veth.left};
    statchan::Client client = open_client(GetParam());

    void SetUp() override {
        skip_if_unusable(GetParam());
        if (IsSkipped()) return;
        ASSERT_OK(client.add_source("veth0", "netdev"));
    }

    [[nodiscard]] bool source_is_there() const { return client.source("veth0").has_value(); }

    // Opens a stream, lets packets pass, does it, and reads to the end.
    void expect_end_of_stream_when(const std::function<void()>& command) {
        auto stream = client.subscribe("veth0", {.watermark_records = 10'000, .timeout = 1h});
        ASSERT_OK(stream);
        exchange(veth, 20, 100);
        command();
        std::uint64_t received = 0;
        std::optional<statchan::Error> error;
        const auto deadline = Clock::now() + patience;
        while (!error && Clock::now() < deadline) {
            const auto batch = stream->next(100ms);
            if (batch)
                received += batch->sample_count();
            else
                error = batch.error();
        }
        ASSERT_TRUE(error) << "no end";
        EXPECT_TRUE(*error == statchan::errc::end_of_stream) << error->message();
        EXPECT_NE(error->message().find("veth0"), std::string::npos) << error->message();
        EXPECT_GE(received, 40U) << "what was accepted comes before the end";
        const auto ledger = stream->ledger();
        ASSERT_OK(ledger);
        EXPECT_TRUE(ledger->end_of_stream);
        EXPECT_EQ(ledger->total().in_flight(), std::uint64_t{0});
        EXPECT_EQ(ledger->total().accepted, received);
    }
};
OVER_TRANSPORTS_WITH(NetdevLifetime, statchan::Capability::samples);

TEST_P(NetdevLifetime, DownEndsStreamsAndUpBeginsAnew) {
    expect_end_of_stream_when([] { set_down("veth0"); });
    EXPECT_TRUE(source_is_there()) << "the interface is still there";
    set_up("veth0");
    auto stream = client.subscribe("veth0", {.timeout = 1ms});
    ASSERT_OK(stream);
    exchange(veth, 3, 100);
    const auto batch = stream->next(patience);
    ASSERT_OK(batch);
    EXPECT_GT(batch->sample_count(), 0U);
    ASSERT_OK(client.remove_source("veth0"));
}

TEST_P(NetdevLifetime, RenameEndsTheSource) {
    expect_end_of_stream_when([] {
        set_down("veth0");
        rename_link("veth0", "other0");
    });
    EXPECT_TRUE(eventually([&] { return !source_is_there(); }));
    const auto added = client.add_source("other0", "netdev");
    ASSERT_OK(added);
    ASSERT_OK(client.remove_source("other0"));
}

TEST_P(NetdevLifetime, DeletionEndsTheSource) {
    expect_end_of_stream_when([] { remove_link("veth0"); });
    EXPECT_TRUE(eventually([&] { return !source_is_there(); }));
    const auto gone = client.subscribe("veth0");
    ASSERT_FALSE(gone.has_value());
    EXPECT_TRUE(gone.error() == statchan::errc::no_such_source) << gone.error().message();
}

// Who deletes an interface and makes it anew need not wait for us to add it again.
TEST_P(NetdevLifetime, NameIsFreeAtOnce) {
    for (int i = 0; i < 20; ++i) {
        remove_link("veth0");
        add_dummy("veth0");
        ASSERT_OK(client.add_source("veth0", "netdev")) << i;
    }
    remove_link("veth0");
    EXPECT_TRUE(eventually([&] { return !source_is_there(); }));
}

// While packets pass as fast as they can, in both directions.
TEST_P(NetdevLifetime, DeletionUnderLoadEndsTheStreamAfterTheRecords) {
    auto stream = client.subscribe("veth0", {.snaplen = 64, .buffer_size = 65536});
    ASSERT_OK(stream);
    std::atomic<bool> over{false};
    std::vector<std::thread> senders;
    for (const auto* space : {&veth.left, &veth.right})
        senders.emplace_back([&over, space, to_left = space == &veth.right] {
            const Inside there{*space};
            const int s = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
            sockaddr_in at{};
            at.sin_family = AF_INET;
            at.sin_port = htons(9);
            ::inet_pton(AF_INET, to_left ? Veth::left_address : Veth::right_address, &at.sin_addr);
            const char bytes[100] = {};
            while (!over)
                (void)::sendto(s, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&at),
                               sizeof at);
            ::close(s);
        });
    std::uint64_t received = 0;
    std::optional<statchan::Error> error;
    const auto read = [&] {
        const auto batch = stream->next(10ms);
        if (batch)
            received += batch->sample_count();
        else
            error = batch.error();
        return error.has_value();
    };
    EXPECT_TRUE(eventually([&] { return read() || received > 5000; }, 3 * patience));
    EXPECT_FALSE(error) << error->message();
    remove_link("veth0");
    EXPECT_TRUE(eventually(read)) << "no end";
    over = true;
    for (auto& sender : senders) sender.join();
    ASSERT_TRUE(error);
    EXPECT_TRUE(*error == statchan::errc::end_of_stream) << error->message();
    expect_books_close(*stream);
    EXPECT_TRUE(eventually([&] { return !source_is_there(); }));
}

TEST_P(NetdevLifetime, MoveToAnotherNamespaceEndsTheSource) {
    expect_end_of_stream_when([&] { move_link("veth0", third); });
    EXPECT_TRUE(eventually([&] { return !source_is_there(); }));
    const Inside there{third};
    EXPECT_FALSE(open_client(GetParam()).source("veth0").has_value()) << "it came along unasked";
}

TEST_P(NetdevLifetime, EndOfTheNamespaceEndsTheSource) {
    Namespace space{"brief"};
    std::optional<statchan::Stream> stream;
    {
        const Inside there{space};
        add_dummy("dummy0");
        set_up("dummy0");
        auto inside = open_client(GetParam());
        ASSERT_OK(inside.add_source("dummy0", "netdev"));
        auto opened = inside.subscribe("dummy0");
        ASSERT_OK(opened);
        stream.emplace(std::move(*opened));
        remove_link("dummy0");
    }
    space.remove();
    std::optional<statchan::Error> error;
    EXPECT_TRUE(eventually([&] {
        const auto batch = stream->next(10ms);
        if (!batch) error = batch.error();
        return error.has_value();
    }));
    ASSERT_TRUE(error);
    EXPECT_TRUE(*error == statchan::errc::end_of_stream) << error->message();
    ASSERT_OK(client.remove_source("veth0"));
}

// Delete and make, again and again, while a reader takes what it gets and snapshots are taken.
TEST_P(NetdevLifetime, ComesAndGoesUnderReaders) {
    for (int i = 0; i < 5; ++i) {
        add_dummy("flap0");
        set_up("flap0");
        ASSERT_OK(client.add_source("flap0", "netdev"));
        auto stream = client.subscribe("flap0");
        ASSERT_OK(stream);
        std::thread taker{[&] {
            const Inside also{veth.left};
            auto other = open_client("ioctl");
            while (other.snapshot("flap0")) {
            }
        }};
        remove_link("flap0");
        taker.join();
        EXPECT_TRUE(eventually([&] {
            const auto batch = stream->next(10ms);
            return !batch && batch.error() == statchan::errc::end_of_stream;
        }));
    }
    ASSERT_OK(client.remove_source("veth0"));
}
