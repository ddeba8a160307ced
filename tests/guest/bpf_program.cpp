// SPDX-License-Identifier: MIT
//
// What only transport bpf has: a program that may not be there, and ring buffers whose positions
// the consumer can write.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/device.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::LostReason;

namespace {

// The mapped pages that hold consumers' positions: all of BPF's that can be written.
std::vector<std::uint64_t*> consumer_pages() {
    std::vector<std::uint64_t*> found;
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);) {
        if (line.find("rw-s 00000000") == std::string::npos ||
            line.find("bpf-map") == std::string::npos)
            continue;
        found.push_back(reinterpret_cast<std::uint64_t*>(std::stoull(line, nullptr, 16)));
    }
    return found;
}

std::string references_of_module() {
    std::ifstream file{"/sys/module/statchan/refcnt"};
    std::string count;
    file >> count;
    return count;
}

std::uint64_t lost(const statchan::Stream& stream, LostReason reason) {
    const auto ledger = stream.ledger();
    return ledger ? ledger->total().lost.at(static_cast<std::size_t>(reason)).value_or(0) : 0;
}

}  // namespace

class BpfProgram : public testing::Test {
  protected:
    void SetUp() override { skip_if_unusable("bpf"); }

    Synth synth{"size=64 cpus=1"};
    statchan::Client client = open_client("bpf");
};

TEST_F(BpfProgram, WithoutOneNoChannelIsOpened) {
    const Descriptor device{::open("/dev/" STATCHAN_DEVICE, O_RDWR | O_CLOEXEC)};
    for (const std::uint64_t key : {0ULL, 12345ULL}) {
        statchan_channel_req request{};
        request.size = sizeof request;
        request.source = synth.info().id;
        request.transport = STATCHAN_T_BPF;
        request.kind = STATCHAN_CHANNEL_SAMPLES;
        request.key = key;
        ASSERT_EQ(::ioctl(device.get(), STATCHAN_IOC_CHANNEL_OPEN, &request), -1);
        EXPECT_EQ(errno, ENXIO);
        statchan_error sentence{};
        sentence.size = sizeof sentence;
        ASSERT_EQ(::ioctl(device.get(), STATCHAN_IOC_ERROR, &sentence), 0);
        EXPECT_NE(std::string{sentence.text}.find("program"), std::string::npos) << sentence.text;
    }
    EXPECT_TRUE(client.channels()->empty());
}

TEST_F(BpfProgram, LeavesNothingBehind) {
    const auto before = references_of_module();
    const auto descriptors = descriptors_of("anon_inode:bpf-map").size();
    for (int round = 0; round < 5; ++round) {
        auto stream = client.subscribe(synth.name());
        ASSERT_OK(stream);
        EXPECT_NE(references_of_module(), before) << "the program must hold the module";
        EXPECT_EQ(descriptors_of("anon_inode:bpf_link").size(), 1U);
    }
    EXPECT_EQ(references_of_module(), before);
    EXPECT_EQ(descriptors_of("anon_inode:bpf-map").size(), descriptors);
    EXPECT_TRUE(consumer_pages().empty());
}

// The program goes while the channel stays: the books say so.
TEST_F(BpfProgram, WhatNoProgramTakesIsLost) {
    auto stream = client.subscribe(synth.name(), {.timeout = 1ms});
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(10);
    ASSERT_TRUE(reader.records(10));
    const auto links = descriptors_of("anon_inode:bpf_link");
    ASSERT_EQ(links.size(), 1U);
    {
        // The number stays taken: it is libbpf's to close.
        const Descriptor null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
        ASSERT_GE(::dup3(null.get(), links.front(), O_CLOEXEC), 0);
    }
    synth.emit(7);
    EXPECT_EQ(lost(*stream, LostReason::consumer_gone), 7U);
    const auto ledger = stream->ledger();
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->total().produced, 17U);
    EXPECT_EQ(ledger->total().accepted, 10U);
    for (const auto& entry : ledger->cpus) EXPECT_TRUE(entry.adds_up());
}

// The consumer's position is a hint. One that is forged costs records, and they are counted.
TEST_F(BpfProgram, ForgedPositionsHarmNobodyElse) {
    for (const std::uint64_t forged : {1ULL << 20, 1ULL << 63, ~0ULL, 3ULL}) {
        SCOPED_TRACE(forged);
        auto other = open_client("mmap").subscribe(synth.name(), {.buffer_size = 1U << 20});
        ASSERT_OK(other);
        auto stream = client.subscribe(synth.name(), {.timeout = 1ms, .buffer_size = 4096});
        ASSERT_OK(stream);
        synth.emit(20);
        const auto pages = consumer_pages();
        ASSERT_FALSE(pages.empty());
        for (auto* page : pages) *static_cast<volatile std::uint64_t*>(page) = forged;
        synth.emit(200);
        const auto ledger = stream->ledger();
        ASSERT_OK(ledger);
        EXPECT_EQ(ledger->total().produced, 220U);
        for (const auto& entry : ledger->cpus) EXPECT_TRUE(entry.adds_up());
        // Whatever it reads now, it ends.
        for (int i = 0; i < 100; ++i)
            if (!stream->next(0ns)) break;
        Reader reader{*other};
        EXPECT_TRUE(reader.records(220));
        expect_books_close(*other);
    }
}

// Each size of slot, and the records at its edges.
TEST_F(BpfProgram, EverySlotIsTaken) {
    auto stream = client.subscribe(
        synth.name(), {.snaplen = STATCHAN_SNAPLEN_MAX, .timeout = 1ms, .buffer_size = 4U << 20});
    ASSERT_OK(stream);
    Reader reader{*stream};
    std::uint64_t emitted = 0;
    for (std::uint64_t slot = 64; slot <= 32768 + 4096;) {
        const auto step = slot < 1024 ? 64 : std::uint64_t{1} << (61 - __builtin_clzll(slot));
        for (const std::uint64_t room : {slot - 8, slot}) {
            if (room < sizeof(statchan_record)) continue;
            const auto size =
                std::min<std::uint64_t>(room - sizeof(statchan_record), STATCHAN_SNAPLEN_MAX);
            synth.emit(3, "size=" + std::to_string(size));
            emitted += 3;
            ASSERT_TRUE(reader.records(emitted)) << "size " << size;
        }
        slot += step;
    }
    EXPECT_EQ(lost(*stream, LostReason::ring_full), 0U);
    expect_books_close(*stream);
}
