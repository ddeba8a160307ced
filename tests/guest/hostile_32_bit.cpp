// SPDX-License-Identifier: MIT
//
// A program of 32 bits sees the same structures at the same places: every ioctl, read and mmap.
#include "support/process.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

TEST(Hostile32Bit, DoesAllThatThereIs) {
    Synth synth{"size=77 ports=5 fields=17 queues=2 qfields=3"};
    const auto outcome = run(beside("statchan_abi32") + " " + synth.name() + " 1000", 3 * patience);
    EXPECT_TRUE(outcome.ok()) << outcome.text();
    EXPECT_EQ(outcome.out, "ok\n");
}
