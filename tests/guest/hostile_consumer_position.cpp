// SPDX-License-Identifier: MIT
//
// A consumer that lies about how far it has come harms its own records at most: not the kernel, not
// the books, not another reader.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "support/device.hpp"
#include "support/meanwhile.hpp"
#include "support/positions.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

/// Of all CPUs; and each entry adds up.
std::uint64_t produced(const statchan::Stream& stream) {
    const auto ledger = stream.ledger();
    EXPECT_OK(ledger);
    for (const auto& entry : ledger->cpus) EXPECT_TRUE(entry.adds_up());
    return ledger->total().produced.value_or(0);
}

/// Reads as a victim of its own lies does: to an error or for so long; it always returns.
void read_whatever(statchan::Stream& stream) {
    for (int i = 0; i < 100; ++i)
        if (!stream.next(0ns)) return;
}

}  // namespace

// Over all transports whose consumer writes a position.
class HostilePosition : public OverTransport {
  protected:
    Synth synth{"size=64 cpus=2"};
    // Somebody else, in the kernel's memory only.
    statchan::Client honest = open_client("ioctl");
};
OVER_TRANSPORTS_WITH(HostilePosition, statchan::Capability::zerocopy);

TEST_P(HostilePosition, AheadBackwardsFarAwayAndOdd) {
    auto other = honest.subscribe(synth.name(), {.buffer_size = 1U << 20});
    ASSERT_OK(other);
    auto stream = client.subscribe(synth.name(), {.timeout = 1ms, .buffer_size = 16384});
    ASSERT_OK(stream);
    const auto positions = writable_positions();
    ASSERT_FALSE(positions.empty());
    std::uint64_t emitted = 0;
    for (const std::uint64_t forged : {~0ULL, ~0ULL - 7, 1ULL, 8ULL, 16384ULL, 16385ULL, 1ULL << 31,
                                       1ULL << 32, 1ULL << 40, 1ULL << 63, (1ULL << 63) - 8}) {
        SCOPED_TRACE(forged);
        for (auto* position : positions) std::atomic_ref{*position}.store(forged);
        synth.emit(200);
        emitted += 400;
        EXPECT_EQ(produced(*stream), emitted);
    }
    read_whatever(*stream);
    Reader reader{*other};
    reader.expect_from(0);
    EXPECT_TRUE(reader.records(emitted));
    expect_books_close(*other);
}

TEST_P(HostilePosition, AllTheTimeWhileTwoCpusProduce) {
    auto other = honest.subscribe(synth.name(), {.buffer_size = 1U << 20});
    ASSERT_OK(other);
    Reader reader{*other};
    reader.expect_from(0);
    auto stream = client.subscribe(synth.name(), {.timeout = 1ms, .buffer_size = 16384});
    ASSERT_OK(stream);
    std::uint64_t emitted = 0;
    {
        const Forger forger;
        for (const auto* context : {"process", "softirq", "hardirq"}) {
            synth.emit(3000, "context=" + std::string{context});
            emitted += 6000;
            EXPECT_TRUE(reader.records(emitted));
        }
    }
    EXPECT_EQ(produced(*stream), emitted);
    read_whatever(*stream);
    expect_books_close(*other);
}

// What does not fit is lost, and said to be, however empty the ring is claimed to be.
class HostileOversize : public HostilePosition {};
OVER_TRANSPORTS_WITH(HostileOversize, statchan::Capability::zerocopy);

TEST_P(HostileOversize, RecordNeverPassesTheEndOfItsRing) {
    const auto refused =
        client.subscribe(synth.name(), {.snaplen = STATCHAN_SNAPLEN_MAX, .buffer_size = 4096});
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message().find("4096"), std::string::npos)
        << refused.error().message();
    // The smallest ring that holds one.
    auto stream = client.subscribe(
        synth.name(), {.snaplen = STATCHAN_SNAPLEN_MAX, .timeout = 1ms, .buffer_size = 65536});
    ASSERT_OK(stream);
    const auto positions = writable_positions();
    ASSERT_FALSE(positions.empty());
    synth.set("size=65535");
    std::uint64_t emitted = 0;
    for (const std::uint64_t step : {65536ULL, 65528ULL, 8ULL, 1ULL << 32, ~0ULL}) {
        for (int i = 0; i < 5; ++i) {
            for (auto* position : positions) std::atomic_ref{*position}.fetch_add(step);
            synth.emit(1);
            emitted += 2;
        }
        EXPECT_EQ(produced(*stream), emitted);
    }
    read_whatever(*stream);
}

// relay's consumer has no page to write; it says with a call what it gives back.
class HostileGiveBack : public OverTransport {};
OVER_TRANSPORTS_WITH(HostileGiveBack, statchan::Capability::files);

TEST_P(HostileGiveBack, MoreThanItHas) {
    Synth synth{"size=64"};
    const RawChannel channel{synth.info().id, STATCHAN_T_RELAY};
    const auto give_back = [&](std::uint64_t consume, std::uint32_t cpu) {
        statchan_relay_state state{};
        state.size = sizeof state;
        state.cpu = cpu;
        state.consume = consume;
        return ::ioctl(channel.device.get(), STATCHAN_IOC_RELAY_STATE, &state) == 0 ? 0 : errno;
    };
    synth.emit(300);
    for (const std::uint64_t forged : {~0ULL, 1ULL << 63, 1ULL << 32, 1ULL << 31, 100ULL})
        EXPECT_EQ(give_back(forged, 0), EINVAL) << forged;
    for (const std::uint32_t cpu : {~0U, 1U << 31, 8192U, 64U}) EXPECT_EQ(give_back(0, cpu), ENXIO);
    // given back while it is read, by somebody who does not wait for the other
    const Descriptor file{
        ::open((std::string{channel.answer.path} + "/cpu0").c_str(), O_RDONLY | O_CLOEXEC)};
    std::vector<char> room(777);
    {
        const Meanwhile thief{[&] { give_back(1, 0); }};
        for (int i = 0; i < 20; ++i) {
            synth.emit(300);
            for (int k = 0; k < 50; ++k)
                EXPECT_GE(::read(file.get(), room.data(), room.size()), 0) << std::strerror(errno);
        }
    }
    const auto ledger = client.ledger(channel.answer.id);
    ASSERT_OK(ledger);
    EXPECT_EQ(ledger->at(0).produced, 6300U);
    EXPECT_TRUE(ledger->at(0).adds_up());
    // it still works
    while (::read(file.get(), room.data(), room.size()) > 0) {
    }
    synth.emit(100);
    EXPECT_GT(::read(file.get(), room.data(), room.size()), 0);
}
