// SPDX-License-Identifier: MIT
//
// Which packets of an interface are sampled, those that come, those that go or both, is chosen when
// its source is made, and anew while streams are read.
#include <linux/if_ether.h>

#include "support/netns.hpp"
#include "support/reader.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

class NetdevDirection : public testing::TestWithParam<std::string> {
  protected:
    Veth veth;
    Inside here{veth.left};
    statchan::Client client = open_client(GetParam());
    std::optional<statchan::Stream> stream;

    void SetUp() override { skip_if_unusable(GetParam()); }
    void TearDown() override { EXPECT_OK(client.remove_source("veth0")); }

    // So many datagrams come as go.
    void expect_passing(unsigned ingress, unsigned egress) {
        exchange(veth, 10, 100);
        unsigned in = 0;
        unsigned out = 0;
        const auto count = [&] {
            const auto batch = stream->next(5ms);
            EXPECT_OK(batch);
            if (!batch) return;
            for (const auto& sample : batch->samples()) {
                if (sample.protocol() != ETH_P_IP) continue;  // neighbours are looked for, too
                in += sample.ingress() ? 1 : 0;
                out += sample.egress() ? 1 : 0;
            }
        };
        EXPECT_TRUE(eventually([&] {
            count();
            const auto ledger = stream->ledger();
            return ledger && ledger->total().in_flight() == 0U && in + out >= ingress + egress;
        }));
        EXPECT_EQ(in, ingress);
        EXPECT_EQ(out, egress);
    }
};
OVER_TRANSPORTS_WITH(NetdevDirection, statchan::Capability::samples);

TEST_P(NetdevDirection, IsChosenAndChosenAnew) {
    ASSERT_OK(client.add_source("veth0", "netdev", "direction=egress"));
    auto made = client.subscribe("veth0", {.timeout = 1ms});
    ASSERT_OK(made);
    stream.emplace(std::move(*made));
    expect_passing(0, 10);
    ASSERT_OK(client.set_source("veth0", "direction=ingress"));
    expect_passing(10, 0);
    ASSERT_OK(client.set_source("veth0", "direction=both"));
    expect_passing(10, 10);
    const auto refused = client.set_source("veth0", "direction=sideways");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("ingress"), std::string::npos)
        << refused.error().message();
    expect_passing(10, 10);
    // while nobody listens
    stream.reset();
    ASSERT_OK(client.set_source("veth0", "direction=ingress"));
    made = client.subscribe("veth0", {.timeout = 1ms});
    ASSERT_OK(made);
    stream.emplace(std::move(*made));
    expect_passing(10, 0);
    stream.reset();
}
