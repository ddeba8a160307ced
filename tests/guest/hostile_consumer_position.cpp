// SPDX-License-Identifier: MIT
//
// A consumer that lies about how far it has come harms its own records at most: not the kernel, not
// the books, not another reader. In mode overwrite not even those: to make room the kernel asks
// nobody.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "support/device.hpp"
#include "support/meanwhile.hpp"
#include "support/positions.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::Mode;

namespace {

/// Of all CPUs; and each entry adds up.
statchan::StreamLedgerEntry sums(const statchan::Stream& stream) {
    const auto ledger = stream.ledger();
    EXPECT_OK(ledger);
    for (const auto& entry : ledger->cpus) EXPECT_TRUE(entry.adds_up());
    return ledger->total();
}

bool overwrites(const statchan::Stream& stream) {
    return stream.effective().mode == Mode::overwrite;
}

}  // namespace

// Over all transports whose consumer writes a position, in each mode that they have.
class HostilePosition : public OverTransport {
  protected:
    [[nodiscard]] std::vector<Mode> modes() const {
        if (client.capabilities().has(statchan::Capability::overwrite))
            return {Mode::discard, Mode::overwrite};
        return {Mode::discard};
    }

    // What is forged is no reason to forget a record; in mode overwrite, nor to refuse one.
    static void expect_counted(const statchan::Stream& stream, std::uint64_t emitted) {
        const auto sum = sums(stream);
        EXPECT_EQ(sum.produced, emitted);
        if (overwrites(stream)) {
            EXPECT_EQ(sum.accepted, emitted);
        }
    }

    // In mode discard the victim of its own lies reads to an error or for so long: it always
    // returns. In mode overwrite it has the newest of what two CPUs have emitted, whole, and is
    // told of the rest.
    static void expect_readable(statchan::Stream& stream, std::uint64_t emitted) {
        if (!overwrites(stream)) {
            for (int i = 0; i < 100; ++i)
                if (!stream.next(0ns)) return;
            return;
        }
        ASSERT_OK(stream.stop());
        Reader reader{stream};
        reader.expect_from(0);
        reader.keep();
        EXPECT_TRUE(reader.to_the_end());
        EXPECT_EQ(reader.received() + reader.lost(), emitted);
        EXPECT_GT(reader.lost(), 0U) << "nothing was overwritten: the test shows nothing";
        for (const unsigned cpu : {0U, 1U})
            EXPECT_TRUE(reader.seen().contains({cpu, emitted / 2 - 1})) << "cpu " << cpu;
        expect_books_close(stream);
    }

    // Somebody else, in the kernel's memory only.
    statchan::Client honest = open_client("ioctl");
};
OVER_TRANSPORTS_WITH(HostilePosition, statchan::Capability::zerocopy);

TEST_P(HostilePosition, AheadBackwardsFarAwayAndOdd) {
    for (const auto mode : modes()) {
        SCOPED_TRACE(to_string(mode));
        Synth synth{"size=64 cpus=2"};
        auto other = honest.subscribe(synth.name(), {.buffer_size = 1U << 20});
        ASSERT_OK(other);
        auto stream =
            client.subscribe(synth.name(), {.timeout = 1ms, .buffer_size = 16384, .mode = mode});
        ASSERT_OK(stream);
        const auto positions = writable_positions();
        ASSERT_FALSE(positions.empty());
        std::uint64_t emitted = 0;
        for (const std::uint64_t forged :
             {~0ULL, ~0ULL - 7, 1ULL, 8ULL, 16384ULL, 16385ULL, 1ULL << 31, 1ULL << 32, 1ULL << 40,
              1ULL << 63, (1ULL << 63) - 8}) {
            SCOPED_TRACE(forged);
            for (auto* position : positions) std::atomic_ref{*position}.store(forged);
            synth.emit(200);
            emitted += 400;
            expect_counted(*stream, emitted);
        }
        expect_readable(*stream, emitted);
        Reader reader{*other};
        reader.expect_from(0);
        EXPECT_TRUE(reader.records(emitted));
        EXPECT_EQ(reader.lost(), 0U);
        expect_books_close(*other);
    }
}

TEST_P(HostilePosition, AllTheTimeWhileTwoCpusProduce) {
    for (const auto mode : modes()) {
        SCOPED_TRACE(to_string(mode));
        Synth synth{"size=64 cpus=2"};
        auto other = honest.subscribe(synth.name(), {.buffer_size = 1U << 20});
        ASSERT_OK(other);
        Reader reader{*other};
        reader.expect_from(0);
        auto stream =
            client.subscribe(synth.name(), {.timeout = 1ms, .buffer_size = 16384, .mode = mode});
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
        expect_counted(*stream, emitted);
        expect_readable(*stream, emitted);
        expect_books_close(*other);
    }
}

// What does not fit is lost, and said to be, however empty the ring is claimed to be. In mode
// overwrite each fits, and all that was there before goes for it.
class HostileOversize : public HostilePosition {};
OVER_TRANSPORTS_WITH(HostileOversize, statchan::Capability::zerocopy);

TEST_P(HostileOversize, RecordNeverPassesTheEndOfItsRing) {
    for (const auto mode : modes()) {
        SCOPED_TRACE(to_string(mode));
        Synth synth{"size=64 cpus=2"};
        const auto refused = client.subscribe(
            synth.name(), {.snaplen = STATCHAN_SNAPLEN_MAX, .buffer_size = 4096, .mode = mode});
        ASSERT_FALSE(refused.has_value());
        EXPECT_NE(refused.error().message().find("4096"), std::string::npos)
            << refused.error().message();
        // The smallest ring that holds one.
        auto stream = client.subscribe(
            synth.name(),
            {.snaplen = STATCHAN_SNAPLEN_MAX, .timeout = 1ms, .buffer_size = 65536, .mode = mode});
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
            expect_counted(*stream, emitted);
        }
        expect_readable(*stream, emitted);
    }
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
