// SPDX-License-Identifier: MIT
//
// Producers in every context, interrupting each other, on both CPUs, while readers and control take
// the same locks from the other side: nobody waits for ever, and the books close. (In an NMI
// nothing is emitted: __statchan_emit() refuses.)
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "support/meanwhile.hpp"
#include "support/netns.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

class HostileContexts : public OverTransport {};
OVER_TRANSPORTS_WITH(HostileContexts, statchan::Capability::samples);

// A run in hard or soft interrupts meets emit=, which is of process context, on the same CPU and in
// the same rings; the ledger takes their locks, poll() and the flush timer look at their state.
TEST_P(HostileContexts, InterruptEachOther) {
    for (const auto* context : {"softirq", "hardirq"}) {
        SCOPED_TRACE(context);
        Synth synth{"size=64 cpus=2 pps=4000 context=" + std::string{context}};
        auto stream = client.subscribe(
            synth.name(),
            {.watermark_records = 1, .timeout = 10us, .buffer_size = 32768, .subbufs = 4});
        ASSERT_OK(stream);
        Reader reader{*stream};
        reader.expect_from(0);
        reader.times_may_go_back();
        synth.set("run=1");
        {
            auto control = open_client("ioctl");
            const Meanwhile books{[&, id = stream->channel()] { (void)control.ledger(id); }};
            auto emitter = open_client("ioctl");
            const Meanwhile emits{[&] { EXPECT_OK(emitter.set_source(synth.name(), "emit=20")); }};
            EXPECT_TRUE(reader.records(2000));
        }
        synth.set("run=0");
        EXPECT_TRUE(settle(reader, synth));
        expect_books_close(*stream);
    }
}

// Packets: sent by programs, received in softirqs that interrupt them, of one source.
TEST_P(HostileContexts, OfTheNetwork) {
    const Veth veth;
    const Inside there{veth.left};
    auto mine = open_client(transport());
    ASSERT_OK(mine.add_source("veth0", "netdev"));
    {
        auto stream = mine.subscribe("veth0", {.watermark_records = 1, .timeout = 10us});
        ASSERT_OK(stream);
        exchange(veth, 100, 200);
        ASSERT_OK(stream->stop());
        EXPECT_TRUE(eventually([&] {
            const auto batch = stream->next(0ns);
            EXPECT_TRUE(batch || batch.error() == statchan::errc::end_of_stream)
                << batch.error().message();
            return !batch;
        }));
        const auto ledger = stream->ledger();
        ASSERT_OK(ledger);
        EXPECT_GE(ledger->total().produced.value_or(0), 200U);
        expect_books_close(*stream);
    }
    ASSERT_OK(mine.remove_source("veth0"));
}
