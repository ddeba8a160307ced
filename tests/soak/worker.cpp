// SPDX-License-Identifier: MIT
#include "worker.hpp"

#include <cstdio>

#include "chance.hpp"
#include "session.hpp"

namespace soak {
namespace {

using statchan::Capability;
using statchan::errc;

// Snapshots of any source over any transport; of one source they do not go back in time.
void take_snapshots(Chance& chance, Tally& tally) {
    const auto transport = any_transport(chance, Capability::snapshot);
    auto client = statchan::Client::open({.transport = transport});
    if (!client) throw Fault{client.error().message()};
    const auto source = source_name(chance.between(0, n_sources - 1));
    std::uint32_t id = 0;
    std::uint64_t generation = 0;
    for (auto left = chance.between(1, 10); left != 0; --left) {
        const bool digest = chance.one_in(3);
        const auto snapshot = client->snapshot(
            source, {.max_age = chance.of<statchan::nanoseconds>({0ns, 5ms}), .digest = digest});
        if (!snapshot && (snapshot.error() == errc::no_such_source ||
                          snapshot.error().is(std::errc::no_such_device)))
            return;
        if (!snapshot) throw Fault{transport + ": " + snapshot.error().message()};
        check_counters(*snapshot);
        if (digest && snapshot->kernel_digest() != snapshot->digest())
            throw Fault{transport + ": the digest is not that of the counters"};
        if (snapshot->info().source == id && snapshot->generation() < generation)
            throw Fault{transport + ": generation " + std::to_string(snapshot->generation()) +
                        " after " + std::to_string(generation)};
        id = snapshot->info().source;
        generation = snapshot->generation();
        ++tally[Op::snapshot];
    }
}

void watch_live(Chance& chance, Tally& tally) {
    auto client = statchan::Client::open({.transport = any_transport(chance, Capability::live)});
    if (!client) throw Fault{client.error().message()};
    auto live = client->live(source_name(chance.between(0, n_sources - 1)), chance.ms(1, 20));
    if (!live &&
        (live.error() == errc::no_such_source || live.error().is(std::errc::no_such_device)))
        return;
    if (!live) throw Fault{live.error().message()};
    for (auto left = chance.between(1, 10); left != 0; --left) {
        const auto copy = live->copy();
        if (!copy && copy.error() == errc::end_of_stream) return;
        // every attempt torn: an emulated CPU that is slower than the period
        const bool again = !copy && (copy.error() == errc::torn ||
                                     copy.error().is(std::errc::resource_unavailable_try_again));
        if (!copy && !again) throw Fault{copy.error().message()};
        if (copy) check_counters(*copy);
        if (copy) ++tally[Op::live];
        chance.sleep_ms(0, 30);
    }
}

}  // namespace

int work(Board& board, std::size_t number, std::uint64_t seed) {
    Chance chance{seed};
    auto& slot = board.slots[number];
    auto tally = slot.get();
    Session session{chance, tally, board.stop};
    try {
        while (!board.stop) {
            if (chance.one_in(5))
                take_snapshots(chance, tally);
            else if (chance.one_in(8))
                watch_live(chance, tally);
            else
                session.run();
            slot.put(tally);
        }
        return 0;
    } catch (const std::exception& fault) {
        std::fprintf(stderr, "\nsoak: worker %zu (seed %llu): %s\n  %s\n", number,
                     static_cast<unsigned long long>(seed), fault.what(), session.story().c_str());
        return 1;
    }
}

}  // namespace soak
