// SPDX-License-Identifier: MIT
//
// docs/examples/raw_reader.c by the library: the same lines for the same records.
//   statchan_library_reader TRANSPORT SOURCE COUNT
//   statchan_library_reader snapshot TRANSPORT SOURCE
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <statchan/statchan.hpp>
#include <string_view>

namespace {

[[noreturn]] void die(const statchan::Error& error) {
    std::fprintf(stderr, "statchan_library_reader: %s\n", error.message().c_str());
    std::exit(1);
}

template <class T>
T must(statchan::Result<T> result) {
    if (!result) die(result.error());
    return std::move(*result);
}

std::uint64_t fnv1a(std::span<const std::byte> bytes) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const auto byte : bytes) hash = (hash ^ std::to_integer<unsigned>(byte)) * 0x100000001b3U;
    return hash;
}

// Records and losses in it.
std::uint64_t print(const statchan::Batch& batch) {
    std::uint64_t count = 0;
    for (const auto& item : batch) {
        if (const auto sample = item.sample()) {
            ++count;
            std::printf("%u %" PRIu64 " %zu %016" PRIx64 "\n", sample->cpu(), sample->seq(),
                        sample->bytes().size(), fnv1a(sample->bytes()));
        } else if (const auto gap = item.gap()) {
            count += gap->count;
            std::printf("lost %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %u\n", gap->cpu,
                        gap->first_seq, gap->last_seq, gap->count,
                        static_cast<unsigned>(gap->reason));
        }
    }
    return count;
}

int samples(statchan::Client& client, const char* source, std::uint64_t count) {
    // Not the default settings: a channel of netlink that others share can not be stopped.
    auto stream = must(client.subscribe(source, {.watermark_records = 63}));
    auto batch = stream.next(statchan::nanoseconds{-1});
    for (std::uint64_t came = 0; batch && (came += print(*batch)) < count;)
        batch = stream.next(statchan::nanoseconds{-1});
    if (const auto stopped = stream.stop(); !stopped) die(stopped.error());
    while (batch) {
        batch = stream.next(statchan::nanoseconds{-1});
        if (batch) print(*batch);
    }
    if (batch.error() != statchan::errc::end_of_stream) die(batch.error());
    const bool closes = must(stream.ledger()).closes();
    std::puts(closes ? "books close" : "books do not close");
    return closes ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const bool snapshot = std::string_view{argv[1]} == "snapshot";
    auto client = must(statchan::Client::open({.transport = argv[snapshot ? 2 : 1]}));
    if (!snapshot) return samples(client, argv[2], std::strtoull(argv[3], nullptr, 0));
    const auto taken = must(client.snapshot(argv[3]));
    std::printf("generation %" PRIu64 " counters %zu fnv %016" PRIx64 "\n", taken.generation(),
                taken.counters().size(), fnv1a(std::as_bytes(taken.counters())));
}
