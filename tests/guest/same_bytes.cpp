// SPDX-License-Identifier: MIT
//
// Guarantee 5. Snapshot generation G has one digest on all transports, a record has one digest on
// all transports; and both are what the source made, byte for byte.
#include <list>

#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class SameCounters : public OverTransport {
  protected:
    void expect_every_counter(std::uint64_t counters, int generations) {
        Synth synth{synth_counters(counters)};
        for (int i = 1; i <= generations; ++i) {
            const auto snapshot = client.snapshot(synth.name(), {.digest = true});
            ASSERT_OK(snapshot);
            ASSERT_EQ(snapshot->counters().size(), counters);
            EXPECT_EQ(snapshot->generation(), static_cast<std::uint64_t>(i));
            expect_synth_counters(*snapshot);
            EXPECT_EQ(snapshot->kernel_digest(), snapshot->digest());
        }
    }
};
OVER_TRANSPORTS_WITH(SameCounters, statchan::Capability::snapshot);

TEST_P(SameCounters, EveryByteOf64Bytes) { expect_every_counter(8, 5); }
TEST_P(SameCounters, EveryByteOf4KiB) { expect_every_counter(512, 5); }
TEST_P(SameCounters, EveryByteOf64KiB) { expect_every_counter(8192, 3); }
TEST_P(SameCounters, EveryByteOf1MiB) { expect_every_counter(131'072, 3); }
TEST_P(SameCounters, EveryByteOf16MiB) { expect_every_counter(2'097'152, 2); }

// Two groups, so that the schema's arithmetic is more than one product.
TEST_P(SameCounters, EveryByteOfSeveralGroups) {
    Synth synth{"ports=64 fields=33 queues=7 qfields=5"};
    const auto snapshot = client.snapshot(synth.name());
    ASSERT_OK(snapshot);
    ASSERT_EQ(snapshot->counters().size(), 64U * 33 + 64 * 7 * 5);
    expect_synth_counters(*snapshot);
    const auto group = snapshot->group("queue");
    ASSERT_OK(group);
    EXPECT_EQ(group->size(), 64U * 7);
}

class SameRecords : public OverTransport {
  protected:
    // Largest size a few, small sizes some hundred: each byte is computed again by the reader.
    void expect_every_byte(std::uint32_t size, const std::string& context) {
        const std::uint64_t each = size > 10'000 ? 6 : 150;
        Synth synth{"cpus=2 size=" + std::to_string(size) + " context=" + context};
        auto stream = client.subscribe(synth.name(), {.snaplen = std::max(size, 1U)});
        ASSERT_OK(stream);
        Reader reader{*stream};
        reader.expect_from(0);
        synth.emit(each);
        ASSERT_TRUE(reader.records(2 * each));
        EXPECT_EQ(reader.received(0), each);
        EXPECT_EQ(reader.received(1), each);
        expect_books_close(*stream);
    }
    void expect_every_size(const std::string& context) {
        for (const std::uint32_t size : {0, 1, 64, 127, 1500, 32'768}) {
            SCOPED_TRACE("size " + std::to_string(size));
            expect_every_byte(size, context);
        }
    }
};
OVER_TRANSPORTS_WITH(SameRecords, statchan::Capability::samples);

TEST_P(SameRecords, EveryByteOfEverySizeFromProcessContext) { expect_every_size("process"); }
TEST_P(SameRecords, EveryByteOfEverySizeFromSoftirqContext) { expect_every_size("softirq"); }
TEST_P(SameRecords, EveryByteOfEverySizeFromHardirqContext) { expect_every_size("hardirq"); }

TEST_P(SameRecords, HeadSaysWhatTheRecordIs) {
    Synth synth{"size=200"};
    auto stream = client.subscribe(synth.name(), {.snaplen = 101});
    ASSERT_OK(stream);
    const auto before = Clock::now();
    synth.emit(1);
    const auto after = Clock::now();
    auto batch = stream->next(patience);
    ASSERT_OK(batch);
    ASSERT_EQ(batch->sample_count(), 1U);
    const auto sample = *batch->samples().begin();
    EXPECT_EQ(sample.cpu(), 0U);
    EXPECT_EQ(sample.seq(), 0U);
    EXPECT_GE(sample.time(), before);
    EXPECT_LE(sample.time(), after);
    EXPECT_EQ(sample.payload().size(), 101U);
    EXPECT_EQ(sample.bytes().size(), 48U + 101U);
    EXPECT_EQ(sample.orig_len(), 200U);
    EXPECT_TRUE(sample.truncated());
    EXPECT_TRUE(sample.ingress());
    EXPECT_FALSE(sample.egress());
    EXPECT_FALSE(sample.vlan());
    EXPECT_EQ(sample.ifindex(), 0U);
    EXPECT_EQ(sample.protocol(), 0U);
    EXPECT_EQ(sample.rate(), 1U);
    EXPECT_EQ(sample.queue(), 0U);
}

// Payload that runs through the end of a ring again and again, at every alignment.
TEST_P(SameRecords, HoldWhereBuffersWrap) {
    Synth synth;
    auto stream = client.subscribe(
        synth.name(), {.snaplen = 1500, .buffer_size = 4096, .subbufs = 2, .batch_bytes = 1});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    std::uint64_t emitted = 0;
    for (unsigned size = 3; size < 700; size += 23) {
        synth.emit(3, "size=" + std::to_string(size));
        ASSERT_TRUE(reader.records(emitted += 3));
    }
    EXPECT_EQ(reader.lost(), 0U);
    expect_books_close(*stream);
}

TEST(SameBytes, OneGenerationHasOneDigestEverywhere) {
    Synth synth{synth_counters(8192)};
    std::optional<std::uint64_t> digest;
    std::uint64_t generation = 0;
    for (const auto& name : transports_with(statchan::Capability::snapshot)) {
        SCOPED_TRACE(name);
        auto client = open_client(name);
        const auto snapshot = client.snapshot(
            synth.name(), {.max_age = 1h, .generation = generation, .digest = true});
        ASSERT_OK(snapshot);
        generation = snapshot->generation();
        if (!digest) digest = snapshot->kernel_digest();
        EXPECT_EQ(generation, 1U);
        EXPECT_EQ(snapshot->digest(), digest);
        EXPECT_EQ(snapshot->kernel_digest(), digest);
    }
}

TEST(SameBytes, OneRecordHasOneDigestEverywhere) {
    Synth synth{"size=333 cpus=2 context=softirq"};
    std::list<statchan::Stream> streams;
    std::list<Reader> readers;
    for (const auto& name : transports_with(statchan::Capability::samples)) {
        auto client = open_client(name);
        auto stream = client.subscribe(synth.name(), {.snaplen = 300});
        ASSERT_OK(stream) << name;
        streams.push_back(std::move(*stream));
        readers.emplace_back(streams.back());
        readers.back().keep();
    }
    synth.emit(500);
    for (auto& reader : readers) ASSERT_TRUE(reader.records(1000));
    const auto& reference = readers.front().seen();
    ASSERT_EQ(reference.size(), 1000U);
    auto stream = streams.begin();
    for (const auto& reader : readers) {
        SCOPED_TRACE(stream++->transport());
        ASSERT_EQ(reader.seen().size(), reference.size());
        for (const auto& [number, seen] : reader.seen())
            ASSERT_EQ(seen.digest, reference.at(number).digest)
                << "cpu " << number.first << " seq " << number.second;
    }
}

TEST(SameBytes, OneSchemaEverywhere) {
    Synth synth{"ports=3 fields=40 queues=2 qfields=9"};
    std::optional<std::uint64_t> hash;
    for (const auto& name : all_transports()) {
        SCOPED_TRACE(name);
        auto client = open_client(name);
        const auto schema = client.schema(synth.name());
        ASSERT_OK(schema);
        if (!hash) hash = (*schema)->hash();
        EXPECT_EQ((*schema)->hash(), hash);
        EXPECT_EQ((*schema)->counters(), 3U * 40 + 3 * 2 * 9);
        EXPECT_EQ(synth.info().schema_hash, hash);
    }
}
