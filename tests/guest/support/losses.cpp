// SPDX-License-Identifier: MIT
#include "losses.hpp"

#include <cinttypes>
#include <cstdio>
#include <vector>

namespace lab {
namespace {

struct LossRow {
    std::string transport;
    std::string cause;
    std::uint64_t injected;
    std::uint64_t accounted;
};

std::vector<LossRow>& loss_rows() {
    static std::vector<LossRow> all;
    return all;
}

}  // namespace

void report_losses(const std::string& transport, const std::string& cause, std::uint64_t injected,
                   std::uint64_t accounted) {
    loss_rows().push_back({transport, cause, injected, accounted});
    EXPECT_EQ(injected, accounted) << cause;
}

void LossTable::OnTestIterationEnd(const testing::UnitTest&, int) {
    if (loss_rows().empty()) return;
    std::printf("\n%-36s%-12s%12s%12s%12s\n", "losses", "transport", "injected", "accounted",
                "difference");
    for (const auto& row : loss_rows())
        std::printf("%-36s%-12s%12" PRIu64 "%12" PRIu64 "%12" PRId64 "\n", row.cause.c_str(),
                    row.transport.c_str(), row.injected, row.accounted,
                    static_cast<std::int64_t>(row.injected - row.accounted));
    std::fflush(stdout);
}

}  // namespace lab
