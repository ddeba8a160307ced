// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <statchan/statchan.hpp>

namespace {

using namespace statchan;

TEST(Types, Capabilities) {
    constexpr auto some = Capability::snapshot | Capability::zerocopy;
    static_assert(some.has(Capability::zerocopy) && !some.has(Capability::live));
    EXPECT_EQ(to_string(some), "snapshot, zerocopy");
    EXPECT_EQ(to_string(Capabilities{}), "none");
}

TEST(Types, NamesOfWhatANewerKernelAdds) {
    EXPECT_EQ(to_string(static_cast<LostReason>(7)), "reason_7");
    EXPECT_EQ(to_string(static_cast<EventType>(9)), "event_9");
    EXPECT_EQ(to_string(static_cast<Unit>(9)), "");
    EXPECT_EQ(to_string(LostReason::socket_overrun), "socket_overrun");
    EXPECT_EQ(to_string(EventType::source_gone), "source_gone");
}

TEST(Types, Versions) {
    EXPECT_EQ(abi_version(), 1U);
    EXPECT_FALSE(library_version().empty());
}

}  // namespace
