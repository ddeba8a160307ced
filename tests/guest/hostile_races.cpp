// SPDX-License-Identifier: MIT
//
// Two at once: a channel is set up while its source is changed, mappings are made and refused while
// others go, and the same descriptor is used from all sides.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "support/device.hpp"
#include "support/kernel.hpp"
#include "support/mappable.hpp"
#include "support/meanwhile.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class HostileSetUp : public OverTransport {};
OVER_TRANSPORTS_WITH(HostileSetUp, statchan::Capability::samples);

// Rate, size and the generator itself change while channels open and close.
TEST_P(HostileSetUp, WhileTheSourceIsConfigured) {
    Synth synth{"size=64 cpus=2"};
    auto steady = open_client("ioctl").subscribe(synth.name(), {.buffer_size = 1U << 20});
    ASSERT_OK(steady);
    Reader reader{*steady};
    reader.expect_from(0);
    {
        unsigned turn = 0;
        auto control = open_client("ioctl");
        const Meanwhile changes{[&] {
            static constexpr const char* params[] = {
                "size=0 rate=3", "size=2000 emit=5",       "mode=back-to-back count=50 run=1",
                "rate=1 run=0",  "context=hardirq emit=5", "context=process pps=0"};
            EXPECT_OK(control.set_source(synth.name(), params[turn++ % std::size(params)]));
        }};
        for (std::uint32_t i = 0; i < 8; ++i) {
            // other snaplens: other channels, where they would be shared
            auto stream = client.subscribe(
                synth.name(), {.snaplen = 16 + i, .timeout = 1ms, .buffer_size = 8192});
            ASSERT_OK(stream);
            (void)stream->next(0ns);
            reader.drain();
        }
    }
    synth.set("run=0 rate=1");
    EXPECT_TRUE(settle(reader, synth));
    expect_books_close(*steady);
}

// The source goes, and another of its name comes, while channels are opened on it.
TEST_P(HostileSetUp, WhileTheSourceComesAndGoes) {
    auto control = open_client("ioctl");
    {
        const Meanwhile churn{[&] {
            EXPECT_OK(control.add_source("fleeting", "synth", "ports=1 fields=1 queues=0 run=0"));
            EXPECT_OK(control.remove_source("fleeting"));
        }};
        for (int i = 0; i < 20; ++i) {
            auto stream = client.subscribe("fleeting", {.timeout = 1ms, .buffer_size = 8192});
            if (stream) {
                (void)stream->next(0ns);
            } else {
                EXPECT_TRUE(stream.error() == statchan::errc::no_such_source ||
                            stream.error().code == std::errc::no_such_device)
                    << stream.error().message();
            }
        }
    }
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
}

/// Over all that can be mapped.
class HostileHalfWay : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(, HostileHalfWay, testing::ValuesIn(mappables()), parameter_name);

// Some are refused, in all ways there are, while others succeed and go.
TEST_P(HostileHalfWay, RefusedMappingsRaceOthers) {
    {
        Synth synth{"size=64 " + synth_counters(2048)};
        Mappable target{GetParam(), synth.info().id};
        const auto refused = [&] {
            const auto len = target.len();
            EXPECT_EQ(target.map(target.offset(), len, PROT_READ | PROT_WRITE, MAP_SHARED),
                      MAP_FAILED);
            EXPECT_EQ(target.map(target.offset(), len, PROT_READ, MAP_PRIVATE), MAP_FAILED);
            EXPECT_EQ(target.map(target.offset(), len + (2U << 20), PROT_READ, MAP_SHARED),
                      MAP_FAILED);
            EXPECT_EQ(target.map(target.offset() + (1ULL << 50), len, PROT_READ, MAP_SHARED),
                      MAP_FAILED);
        };
        const Meanwhile one{refused};
        const Meanwhile two{[&] { ::munmap(target.map(), target.len()); }};
        for (int i = 0; i < 100; ++i) {
            auto* const at = target.map();
            if (i % 20 == 0) synth.emit(1);
            if (target.has_pages()) std::atomic_ref{*at}.load();
            ::munmap(at, target.len());
        }
    }
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
}

// close() and mmap() of one descriptor at once; its number is soon somebody else's.
TEST_P(HostileHalfWay, CloseRacesMmap) {
    Synth synth{"size=64 " + synth_counters(2048)};
    const auto id = synth.info().id;
    for (int i = 0; i < 20; ++i) {
        Mappable target{GetParam(), id};
        std::atomic<bool> go{false};
        std::thread closer{[&] {
            while (!go) {
            }
            target.close();
        }};
        const auto fd = target.fd();
        go = true;
        auto* const at = ::mmap(nullptr, target.len(), PROT_READ, MAP_SHARED, fd,
                                static_cast<off_t>(target.offset()));
        closer.join();
        if (at == MAP_FAILED) continue;
        if (target.has_pages()) std::atomic_ref{*static_cast<std::byte*>(at)}.load();
        ::munmap(at, target.len());
    }
    EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
}
