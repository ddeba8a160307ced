// SPDX-License-Identifier: MIT
//
// A small top for a source: the counters that grow fastest, and the newest samples, until Ctrl-C.
//   sampler SOURCE [ROUNDS]        $STATCHAN_TRANSPORT chooses the transport
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <statchan/statchan.hpp>
#include <string>
#include <vector>

using namespace std::chrono_literals;

static int fail(const statchan::Error& error) {
    std::fprintf(stderr, "sampler: %s\n", error.message().c_str());
    return 1;
}

int main(int argc, char** argv) {
    const std::string source = argc > 1 ? argv[1] : "synth0";
    auto client = statchan::Client::open();
    if (!client) return fail(client.error());
    auto stream = client->subscribe(source, {.snaplen = 64, .watermark_records = 32});
    if (!stream) return fail(stream.error());
    auto before = client->snapshot(source);
    if (!before) return fail(before.error());

    for (int left = argc > 2 ? std::atoi(argv[2]) : -1; left != 0; --left) {
        std::uint64_t samples = 0, bytes = 0;
        const auto until = std::chrono::steady_clock::now() + 1s;
        while (std::chrono::steady_clock::now() < until) {
            auto batch = stream->next(100ms);
            if (!batch)
                return batch.error() == statchan::errc::end_of_stream ? 0 : fail(batch.error());
            for (const auto& item : *batch) {  // views of the kernel's bytes, until the next next()
                if (const auto gap = item.gap()) std::printf("%s\n", to_string(*gap).c_str());
                if (const auto sample = item.sample()) ++samples, bytes += sample->orig_len();
            }
        }
        auto now = client->snapshot(source);
        if (!now)  // gone meanwhile
            return now.error() == statchan::errc::no_such_source ? 0 : fail(now.error());
        const std::chrono::duration<double> seconds = now->info().end - before->info().end;

        auto counters = now->schema().select("*");
        const auto growth = [&](const auto& c) { return (*now)[c] - (*before)[c]; };
        std::erase_if(counters,
                      [](auto& c) { return c.field->type != statchan::FieldType::counter; });
        std::ranges::sort(counters, std::ranges::greater{}, growth);
        std::printf("%s, generation %llu: %llu samples, %llu bytes\n", source.c_str(),
                    static_cast<unsigned long long>(now->generation()),
                    static_cast<unsigned long long>(samples),
                    static_cast<unsigned long long>(bytes));
        for (const auto& c : std::span{counters}.first(std::min<std::size_t>(5, counters.size())))
            std::printf("  %-24s %14.0f/s\n", c.name().c_str(),
                        static_cast<double>(growth(c)) / seconds.count());
        before = std::move(now);
    }
}
