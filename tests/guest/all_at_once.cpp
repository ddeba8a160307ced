// SPDX-License-Identifier: MIT
//
// One sample stream over all transports at once: every one delivers the same (cpu, seq) records
// with the same bytes, or says which it lost.
#include <array>

#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

struct Taker {
    explicit Taker(const std::string& transport, const std::string& source,
                   const statchan::ChannelConfig& config)
        : name{transport}, client{open_client(transport)}, stream{[&] {
              auto opened = client.subscribe(source, config);
              if (!opened) throw std::runtime_error{opened.error().message()};
              return std::move(*opened);
          }()} {
        reader.expect_from(0);
        reader.keep();
    }
    std::string name;
    statchan::Client client;
    statchan::Stream stream;
    Reader reader{stream};
};

// All transports on one source, read in turn to the end.
std::vector<std::unique_ptr<Taker>> run_all(Synth& synth, const statchan::ChannelConfig& config,
                                            std::uint64_t offered) {
    std::vector<std::unique_ptr<Taker>> takers;
    for (const auto& name : transports_with(statchan::Capability::samples))
        takers.push_back(std::make_unique<Taker>(name, synth.name(), config));
    synth.set("run=1");
    const bool all = eventually([&] {
        for (auto& taker : takers) taker->reader.once(0ms);
        return synth.info().emitted >= offered;
    });
    EXPECT_TRUE(all);
    synth.remove();
    for (auto& taker : takers) EXPECT_TRUE(taker->reader.to_the_end()) << taker->name;
    return takers;
}

// Every record that two of them have is the same record.
std::size_t expect_same(const std::vector<std::unique_ptr<Taker>>& takers) {
    std::size_t compared = 0;
    const auto& first = takers.front()->reader.seen();
    for (const auto& taker : takers) {
        SCOPED_TRACE(takers.front()->name + " and " + taker->name);
        for (const auto& [key, record] : taker->reader.seen()) {
            const auto it = first.find(key);
            if (it == first.end()) continue;
            ++compared;
            EXPECT_EQ(record.digest, it->second.digest)
                << "cpu " << key.first << " seq " << key.second;
            EXPECT_EQ(record.time, it->second.time);
        }
    }
    return compared;
}

}  // namespace

TEST(AllAtOnce, DeliverTheSameRecords) {
    Synth synth{"size=200 cpus=2 pps=4000 context=softirq count=1000"};
    const auto takers = run_all(synth, {.snaplen = 150}, 2000);
    for (const auto& taker : takers) {
        SCOPED_TRACE(taker->name);
        EXPECT_EQ(taker->reader.received(), 2000U);
        EXPECT_EQ(taker->reader.lost(), 0U);
        expect_books_close(taker->stream);
    }
    EXPECT_EQ(expect_same(takers), 2000U * takers.size());
}

// Too small for what comes: each loses what it loses, says so, and what it has is the same.
TEST(AllAtOnce, LoseEachOnItsOwn) {
    Synth synth{"size=200 cpus=2 mode=back-to-back context=softirq count=10000"};
    const auto takers =
        run_all(synth, {.buffer_size = 32768, .subbufs = 4, .receive_buffer = 65536}, 20'000);
    for (const auto& taker : takers) {
        SCOPED_TRACE(taker->name);
        EXPECT_GT(taker->reader.lost(), 0U) << "no overload: the test shows nothing";
        EXPECT_EQ(taker->reader.accounted(), 20'000U);
        expect_books_close(taker->stream);
    }
    EXPECT_GT(expect_same(takers), 0U);
}
