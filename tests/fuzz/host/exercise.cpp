// SPDX-License-Identifier: MIT
#include "exercise.hpp"

#include <statchan/ordered.hpp>
#include <string_view>

#include "check.hpp"

namespace fuzz {
namespace {

using namespace statchan;

constexpr std::string_view source = "sw0";
constexpr std::size_t most_operations = 6;
constexpr std::size_t most_batches = 12;

template <class T>
bool told(const Result<T>& result) {
    if (!result) is_told(result.error());
    return result.has_value();
}

void use(const SnapshotView& view) {
    must(view.counters().size() == view.schema().counters(), "all counters are there");
    touch(std::as_bytes(view.counters()));
    for (const auto& group : view.schema().groups())
        must(view.group(group).size() == group.instances, "a group has its instances");
}

void use(const Batch& batch) {
    std::size_t samples = 0;
    std::size_t gaps = 0;
    for (const auto& item : batch) {
        if (const auto sample = item.sample()) {
            ++samples;
            touch(sample->bytes());
        } else {
            ++gaps;
            must(!to_string(*item.gap()).empty(), "a gap has words");
        }
    }
    must(samples == batch.sample_count() && gaps == batch.gap_count(), "as many as counted");
}

void look_around(Input& input, Client& client) {
    switch (input.byte() & 7U) {
        case 0:
            told(client.version());
            break;
        case 1:
            told(client.kernel_transports());
            break;
        case 2:
            told(client.sources());
            break;
        case 3:
            told(client.source(source));
            break;
        case 4:
            told(client.channels());
            break;
        case 5:
            told(client.ledger(4));
            break;
        case 6:
            told(client.add_source(source, "synth", "ports=4"));
            told(client.set_source(source, "rate=2"));
            break;
        default:
            told(client.remove_source(source));
    }
}

void take_snapshot(Input& input, Client& client) {
    SnapshotOptions options;
    const auto how = input.byte();
    if ((how & 1U) != 0) options.max_age = nanoseconds{input.byte()};
    if ((how & 2U) != 0) options.generation = input.byte();
    options.digest = (how & 4U) != 0;
    const auto snapshot = client.snapshot(source, options);
    if (told(snapshot)) use(*snapshot);
}

void read_live(Client& client) {
    auto live = client.live(source);
    if (!told(live)) return;
    told(live->read([](const SnapshotView& view) { use(view); }));
    const auto copy = live->copy();
    if (told(copy)) use(*copy);
    static_cast<void>(live->period());
}

void read_stream(Input& input, Client& client) {
    ChannelConfig config;
    const auto how = input.byte();
    if ((how & 1U) != 0) config.mode = Mode::overwrite;
    if ((how & 2U) != 0) config.rate = input.byte();
    // So that a batch can be full.
    config.batch_bytes = 256;
    auto stream = client.subscribe(source, config);
    if (!told(stream)) return;
    for (std::size_t i = 0; i < most_batches; ++i) {
        const auto what = input.byte();
        // 1 ns: with a poll.
        const auto batch = stream->next(nanoseconds{what & 1U});
        if (!told(batch)) break;
        use(*batch);
        if ((what & 0xf0U) == 0x10U) told(stream->stop());
        if ((what & 0xf0U) == 0x20U) told(stream->ledger());
        if ((what & 0xf0U) == 0x30U) stream->release();
        if ((what & 0xf0U) == 0x40U) told(client.switch_transport(*stream, client.transport()));
    }
    told(stream->ledger());
}

void receive_events(Client& client) {
    auto events = client.events();
    if (!told(events)) return;
    for (std::size_t i = 0; i < most_batches; ++i) {
        const auto event = events->next(nanoseconds{0});
        if (!told(event) || !event->has_value()) return;
        must(!to_string((*event)->type).empty(), "an event has a name");
    }
}

}  // namespace

void exercise(Input& input, Client& client) {
    for (std::size_t i = 0; i < most_operations && !input.empty(); ++i) {
        switch (input.byte() & 7U) {
            case 0:
                look_around(input, client);
                break;
            case 1:
            case 2:
                take_snapshot(input, client);
                break;
            case 3:
                told(client.schema(source));
                break;
            case 4:
                read_live(client);
                break;
            case 5:
                receive_events(client);
                break;
            default:
                read_stream(input, client);
        }
    }
}

}  // namespace fuzz
