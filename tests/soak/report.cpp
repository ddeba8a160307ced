// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <cstdio>
#include <string>

namespace soak {
namespace {

using Number = unsigned long long;

void row(const char* name, std::uint64_t value) {
    std::printf("  %-28s %14llu\n", name, static_cast<Number>(value));
}

void print_books(const Tally& tally) {
    std::printf("\nrecords of the streams that were read to their end\n");
    row("produced", tally.produced);
    row("delivered, every byte checked", tally.delivered);
    row("left out by sampling", tally.filtered);
    row("before a socket joined", tally.before);
    for (std::size_t i = 0; i < tally.lost.size(); ++i)
        if (tally.lost[i] != 0)
            row(("lost: " + to_string(static_cast<statchan::LostReason>(i))).c_str(),
                tally.lost[i]);
    std::printf("  %-28s %14lld   must be 0\n", "difference",
                static_cast<long long>(tally.difference()));
}

void print_operations(const Tally& tally) {
    static constexpr const char* names[ops] = {"streams opened",
                                               "opens refused",
                                               "transport switched",
                                               "switches refused",
                                               "read to the end, books close",
                                               "closed in the middle",
                                               "pauses of a reader",
                                               "of mode overwrite",
                                               "snapshots checked",
                                               "live snapshots checked",
                                               "workers killed",
                                               "sources removed",
                                               "changes of load"};
    std::printf("\noperations\n");
    for (std::size_t i = 0; i < ops; ++i) row(names[i], tally.op[i]);
}

}  // namespace

void print_report(const Tally& tally, const KernelState& before, const KernelState& after) {
    print_books(tally);
    print_operations(tally);
    std::printf("\n%-30s %14s %14s   tolerance\n", "the kernel", "before", "after");
    for (const auto& row : compare(before, after))
        std::printf("  %-28s %14lld %14lld   %s%s\n", row.what, static_cast<long long>(row.before),
                    static_cast<long long>(row.after), row.tolerance.c_str(),
                    row.too_much ? " - TOO MUCH" : "");
}

void print_progress(const Tally& tally, double seconds) {
    std::fprintf(stderr,
                 "\rsoak: %5.0f s: %llu records delivered, %llu lost; streams: %llu closed, %llu "
                 "switches; %llu kills \033[K",
                 seconds, static_cast<Number>(tally.delivered),
                 static_cast<Number>(tally.lost_total()), static_cast<Number>(tally[Op::closed]),
                 static_cast<Number>(tally[Op::switched]), static_cast<Number>(tally[Op::kill]));
}

}  // namespace soak
