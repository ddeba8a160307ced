// SPDX-License-Identifier: MIT
//
// Guarantee 7. Backpressure is the consumer's problem, never the producer's.
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class Backpressure : public OverTransport {};
OVER_TRANSPORTS_WITH(Backpressure, statchan::Capability::samples);

TEST_P(Backpressure, ReaderThatNeverReadsStopsNoProducer) {
    for (const auto* context : {"process", "softirq", "hardirq"}) {
        SCOPED_TRACE(context);
        Synth synth{std::string{"size=64 cpus=2 context="} + context};
        auto stream = client.subscribe(synth.name(),
                                       {.buffer_size = 4096, .subbufs = 2, .receive_buffer = 4096});
        ASSERT_OK(stream);
        synth.emit(20'000);  // returns when all are offered
        EXPECT_EQ(synth.info().emitted, 40'000U);
    }
}

TEST_P(Backpressure, ReaderThatNeverReadsTakesNothingFromOthers) {
    Synth synth{"size=64 cpus=2 context=softirq"};
    auto idle =
        client.subscribe(synth.name(), {.buffer_size = 4096, .subbufs = 2, .receive_buffer = 4096});
    ASSERT_OK(idle);
    auto other = open_client(transport());
    auto busy = other.subscribe(synth.name(), {.buffer_size = 4U << 20});
    ASSERT_OK(busy);
    Reader reader{*busy};
    reader.expect_from(0);
    for (unsigned round = 1; round <= 5; ++round) {
        synth.emit(1000);
        ASSERT_TRUE(reader.records(round * 2000));
    }
    EXPECT_EQ(reader.lost(), 0U);
    expect_books_close(*busy);
    // And the idle one's loss is its own, in its own books, once it reads.
    Reader late{*idle};
    late.expect_from(0);
    ASSERT_TRUE(settle(late, synth));
    EXPECT_GT(late.lost(), 0U);
    expect_books_close(*idle);
}

// Batches that are held long: their room stays the reader's, what does not fit is lost, and
// nothing the reader looks at changes.
TEST_P(Backpressure, HeldBatchIsNotOverwritten) {
    Synth synth{"size=64"};
    auto stream = client.subscribe(synth.name(),
                                   {.watermark_records = 10, .buffer_size = 4096, .subbufs = 2});
    ASSERT_OK(stream);
    synth.emit(20);
    std::vector<std::uint64_t> digests;
    const auto batch = stream->next(patience);
    ASSERT_OK(batch);
    ASSERT_FALSE(batch->empty());
    for (const auto& sample : batch->samples()) digests.push_back(statchan::digest(sample.bytes()));
    synth.emit(500);
    std::size_t i = 0;
    for (const auto& sample : batch->samples())
        EXPECT_EQ(statchan::digest(sample.bytes()), digests.at(i++));
    EXPECT_EQ(i, digests.size());
    stream->release();
}
