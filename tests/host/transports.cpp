// SPDX-License-Identifier: MIT
//
// The transports of the character device, over the kernel of the fuzz tests: here it does what the
// test says, call by call, and so must be called as the test thinks.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <statchan/client.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "hostile_kernel.hpp"
#include "support/ok.hpp"
#include "support/records.hpp"

namespace {

using namespace statchan;
using namespace std::chrono_literals;
using fuzz::HostileKernel;
using fuzz::Input;
using test::Records;

// What the kernel does at each call, as the bytes that HostileKernel takes for it.
class Script {
  public:
    // open(), write and the like: it succeeds.
    Script& open() { return byte(0); }
    // An ioctl that is answered as it should be.
    Script& call() { return byte(0).byte(0); }
    // The same, but for one byte of its structure.
    Script& call_changed(std::size_t at, std::uint8_t value) {
        return byte(0).byte(0x80).number(at).byte(value);
    }
    Script& fails(int error) {
        constexpr std::array errors{EINTR,  EAGAIN, ENOENT, EPERM, ENODEV,  EMSGSIZE, ESTALE,
                                    ENOMEM, EINVAL, EIO,    ENXIO, ENOBUFS, EBUSY,    ETIMEDOUT};
        const auto at = std::find(errors.begin(), errors.end(), error) - errors.begin();
        return byte(static_cast<std::uint8_t>(0xe0 + at));  // 0xe0 is a multiple of their number
    }
    // Of an ioctl: what it leaves behind.
    Script& call_fails(int error) { return fails(error).byte(0); }
    Script& schema() { return byte(0).byte(0).byte(0); }
    Script& image_mapped() { return byte(0).byte(0); }
    // In one piece.
    Script& image_read() { return byte(0).byte(0).byte(0xff); }
    // Both mappings of a ring that has ended, with these records.
    Script& ring(Chunk records) {
        byte(0).byte(0).byte(0).number(records.size());
        for (const auto each : records) byte(static_cast<std::uint8_t>(each));
        return byte(0x80).number(offsetof(statchan_ring_producer, flags)).byte(STATCHAN_RING_EOS);
    }

    // Opens the device, and looks the source up.
    Script& client() { return open().call().call(); }
    Script& opened_again() { return open().call(); }

    // No longer than this.
    [[nodiscard]] Input input() const& { return {bytes_.data(), bytes_.size()}; }
    Input input() const&& = delete;

  private:
    Script& byte(std::uint8_t value) {
        bytes_.push_back(value);
        return *this;
    }
    Script& number(std::size_t value) {
        return byte(static_cast<std::uint8_t>(value & 0xffU))
            .byte(static_cast<std::uint8_t>(value >> 8U));
    }
    std::vector<std::uint8_t> bytes_;
};

Client open_client(const char* transport) {
    auto client = Client::open({.transport = transport});
    if (!client) throw std::runtime_error{client.error().message()};
    return std::move(*client);
}

// Three numbers of CPUs, of which 1 is none.
Script with_a_hole(Chunk first, Chunk last) {
    Script script;
    script.client().opened_again();
    script.call_changed(offsetof(statchan_channel_req, nr_cpus), 3);
    script.ring(first).fails(EINVAL).ring(last);
    return script;
}

TEST(MmapTransport, CpuThatIsNotPossibleHasNoRing) {
    for (const auto mode : {Mode::discard, Mode::overwrite}) {
        SCOPED_TRACE(to_string(mode));
        Records first;
        Records last;
        first.sample(0, 0);
        last.sample(2, 0).sample(2, 1);
        const auto script = with_a_hole(first.bytes(), last.bytes());
        auto input = script.input();
        const HostileKernel kernel{input};
        auto client = open_client("mmap");
        auto stream = client.subscribe("sw0", {.mode = mode});
        ASSERT_OK(stream);
        ASSERT_TRUE(input.empty()) << "it was not called as the test thinks";
        std::array<unsigned, 3> samples{};
        for (;;) {
            const auto batch = stream->next(0ns);
            if (!batch) {
                EXPECT_FAILS(batch, errc::end_of_stream);
                break;
            }
            ASSERT_FALSE(batch->empty()) << "neither records nor an end";
            for (const auto& sample : batch->samples()) ++samples.at(sample.cpu());
        }
        EXPECT_EQ(samples, (std::array{1U, 0U, 2U}));
    }
}

TEST(MmapTransport, NoRingAtAllIsAnError) {
    Script script;
    script.client().opened_again().call().fails(EINVAL).fails(EINVAL);
    auto input = script.input();
    const HostileKernel kernel{input};
    auto client = open_client("mmap");
    EXPECT_FAILS(client.subscribe("sw0"), errc::bad_data);
}

// Any other failure is one.
TEST(MmapTransport, RingThatCanNotBeMappedIsAnError) {
    Records first;
    first.sample(0, 0);
    Script script;
    script.client().opened_again().call().ring(first.bytes()).fails(ENOMEM);
    auto input = script.input();
    const HostileKernel kernel{input};
    auto client = open_client("mmap");
    EXPECT_FAILS(client.subscribe("sw0"), std::make_error_code(std::errc::not_enough_memory));
}

// The first snapshot over mmap and, when it is gone, a call to let go of it.
Script one_snapshot() {
    Script script;
    script.client().opened_again().call().call().image_mapped().schema();
    return script;
}

TEST(MmapTransport, DroppedSnapshotIsLetGoOfAndItsChannelUsedAgain) {
    auto script = one_snapshot();
    script.call().call_fails(EPERM).call();
    auto input = script.input();
    const HostileKernel kernel{input};
    auto client = open_client("mmap");
    {
        const auto snapshot = client.snapshot("sw0");
        ASSERT_OK(snapshot);
        EXPECT_EQ(input.left(), 6U) << "nothing is let go of yet";
    }
    EXPECT_EQ(input.left(), 4U) << "nothing was let go of";
    const auto next = client.snapshot("sw0");
    EXPECT_FAILS(next, errc::permission_denied);
    EXPECT_EQ(next.error().doing, "take snapshot over mmap of 'sw0'") << "on the same channel";
    EXPECT_TRUE(input.empty());
}

TEST(MmapTransport, ChannelThatCanNotLetGoIsClosed) {
    auto script = one_snapshot();
    script.call_fails(EINVAL).fails(EPERM);
    auto input = script.input();
    const HostileKernel kernel{input};
    auto client = open_client("mmap");
    ASSERT_OK(client.snapshot("sw0"));
    const auto next = client.snapshot("sw0");
    EXPECT_FAILS(next, errc::permission_denied);
    EXPECT_EQ(next.error().doing, "open '/dev/statchan'") << "for another one";
    EXPECT_TRUE(input.empty());
}

// What was chosen would be held until the next choice, though the program has its bytes.
TEST(ReadTransport, ChosenSnapshotIsLetGoOfAtOnce) {
    for (const bool can : {true, false}) {
        Script script;
        script.client();
        script.opened_again().call();  // the channel
        script.call().image_read();    // the choice
        can ? script.call() : script.call_fails(EINVAL);
        script.schema();
        can ? script.call_fails(EPERM).call() : script.fails(EPERM);
        auto input = script.input();
        const HostileKernel kernel{input};
        auto client = open_client("read");
        ASSERT_OK(client.snapshot("sw0", {.max_age = 1h}));
        const auto next = client.snapshot("sw0", {.max_age = 1h});
        EXPECT_FAILS(next, errc::permission_denied);
        EXPECT_EQ(next.error().doing,
                  can ? "take snapshot over read of 'sw0'" : "open '/dev/statchan'");
        EXPECT_TRUE(input.empty());
    }
}

// Of what is read whole nothing is held.
TEST(ReadTransport, NewSnapshotIsOneCall) {
    Script script;
    script.client().opened_again().call();
    script.image_read().schema();
    script.image_read();
    auto input = script.input();
    const HostileKernel kernel{input};
    auto client = open_client("read");
    ASSERT_OK(client.snapshot("sw0"));
    EXPECT_EQ(input.left(), 3U);
    ASSERT_OK(client.snapshot("sw0"));
    EXPECT_TRUE(input.empty());
}

struct ProcfsSays {
    int error;
    SnapshotOptions options;
    const char* words;
};

TEST(ProcfsTransport, TellsWhatAnErrnoMeansThere) {
    const std::array cases{
        ProcfsSays{ESTALE, {}, "other counters"},
        ProcfsSays{ESTALE, {.generation = 7}, "generation 7 is not the newest"},
        ProcfsSays{EBUSY, {}, "readers hold all"},
        ProcfsSays{EIO, {}, "no such source"},
    };
    for (const auto& [error, options, words] : cases) {
        SCOPED_TRACE(words);
        Script script;
        script.open().call().open();  // the device, and the folder
        script.call();                // the source
        script.open().fails(error);   // its file
        auto input = script.input();
        const HostileKernel kernel{input};
        auto client = open_client("procfs");
        const auto snapshot = client.snapshot("sw0", options);
        ASSERT_FALSE(snapshot.has_value());
        const auto text = snapshot.error().message();
        EXPECT_NE(text.find(words), std::string::npos) << text;
        EXPECT_NE(text.find("'sw0'"), std::string::npos) << text;
        EXPECT_EQ(text.find("generation 0"), std::string::npos) << text;
        EXPECT_TRUE(input.empty());
    }
}

// On every transport the same, and before the kernel is asked for anything.
TEST(Subscribe, RefusesBatchesThatNoMemoryHolds) {
    for (const auto& transport : transports()) {
        if (!transport.capabilities.has(Capability::samples)) continue;
        SCOPED_TRACE(transport.name);
        const std::vector<std::uint8_t> honest(4096);
        Input input{honest.data(), honest.size()};
        const HostileKernel kernel{input};
        auto client = open_client(transport.name.c_str());
        const auto before = input.left();
        ASSERT_GT(before, 0U);
        for (const auto bytes :
             {SIZE_MAX, SIZE_MAX - 6, std::size_t{1} << 50, max_batch_bytes + 1}) {
            const auto stream = client.subscribe("sw0", {.batch_bytes = bytes});
            EXPECT_FAILS(stream, std::make_error_code(std::errc::invalid_argument));
            const auto text = stream.error().message();
            EXPECT_NE(text.find("'sw0'"), std::string::npos) << text;
            EXPECT_NE(text.find(std::to_string(bytes)), std::string::npos) << text;
            EXPECT_NE(stream.error().way_out.find(std::to_string(max_batch_bytes)),
                      std::string::npos)
                << text;
        }
        EXPECT_EQ(input.left(), before) << "the kernel was asked";
    }
}

TEST(Subscribe, TakesTheLargestBatchesThatThereAre) {
    Input input{nullptr, 0};
    const HostileKernel kernel{input};
    auto client = open_client("mmap");
    const auto stream = client.subscribe("sw0", {.batch_bytes = max_batch_bytes});
    ASSERT_OK(stream);
    EXPECT_EQ(stream->effective().batch_bytes, max_batch_bytes);
}

}  // namespace
