// SPDX-License-Identifier: MIT
//
// Blobs: schemas, snapshot images, and the shared memory of live snapshots.
//
// Input: which; a schema's structures as they lie in the blob. The hash is put right most times:
// the search can't guess it. Then images and patterns to go with it.
#include <linux/statchan.h>

#include <cstring>
#include <memory>
#include <statchan/snapshot.hpp>
#include <string>
#include <vector>

#include "check.hpp"
#include "glob.hpp"
#include "image.hpp"
#include "input.hpp"
#include "live_backend.hpp"
#include "memory.hpp"

namespace {

using namespace statchan;
using namespace statchan::detail;
using fuzz::Input;
using fuzz::must;

constexpr Task task{"read", "fuzz"};
constexpr std::size_t most_counters = 512;  // more is right, too, but slow
constexpr std::size_t most_looks = 3;       // at what is torn each time

using Bytes = std::vector<std::byte>;

void put_hash(Bytes& blob) {
    constexpr auto at = offsetof(statchan_schema, hash);
    if (blob.size() < sizeof(statchan_schema)) return;
    std::memset(blob.data() + at, 0, 8);
    const auto hash = digest(blob);
    std::memcpy(blob.data() + at, &hash, sizeof hash);
}

// What is accepted is sound: each counter is in one place, and is found by its name.
void check(const Schema& schema) {
    std::size_t next = 0;
    for (const auto& group : schema.groups()) {
        must(!group.name.empty() && group.name.size() < STATCHAN_NAME_MAX, "a group has a name");
        must(group.first_counter == next, "groups have no holes");
        must(group.instances > 0 && !group.fields.empty(), "a group has counters");
        next += group.instances * group.fields.size();
        for (const auto& field : group.fields) must(!field.name.empty(), "a field has a name");
        must(schema.group(group.name).has_value(), "a group is found by its name");
    }
    must(next == schema.counters(), "groups are the whole");
    must(schema.counters() <= STATCHAN_COUNTERS_MAX, "counters have a limit");
}

std::shared_ptr<const Schema> schema_of(Input& input) {
    const auto honest = input.byte() != 0xff;
    const auto from = input.block();
    Bytes blob{from.begin(), from.end()};
    if (honest) put_hash(blob);
    const fuzz::Exactly exact{blob};
    auto schema = Schema::parse(exact.bytes());
    if (!schema) {
        fuzz::is_told(schema.error());
        return nullptr;
    }
    check(**schema);
    return *schema;
}

void select(Input& input, const Schema& schema) {
    if (schema.counters() > most_counters) return;
    const auto pattern = fuzz::text(input.block());
    std::size_t last = 0;
    bool first = true;
    for (const auto& ref : schema.select(pattern)) {
        must(ref.index < schema.counters(), "a counter is in the snapshot");
        must(first || ref.index > last, "in the order of the snapshot, each once");
        must(!ref.name().empty(), "a counter has a name");
        last = ref.index;
        first = false;
    }
    must(schema.select("").size() == schema.counters(), "nothing asked for is all");
}

void use(const SnapshotView& view) {
    must(view.counters().size() == view.schema().counters(), "all counters are there");
    fuzz::touch(std::as_bytes(view.counters()));
    static_cast<void>(view.digest());
    for (const auto& group : view.schema().groups()) {
        const auto values = view.group(group).values();
        must(fuzz::inside(std::as_bytes(values), std::as_bytes(view.counters())),
             "a group lies in the snapshot");
        const auto last = group.instances - 1;
        const auto& field = group.fields.back().name;
        // Another group may have the same name, which then is the first one's.
        if (*view.schema().group(group.name) != &group) continue;
        must(view.at(group.name, last, field).has_value(), "the last of a group is found");
        must(!view.at(group.name, group.instances, field).has_value(), "there is no other");
    }
}

// An image that fits the schema, as far as the input leaves it so.
Bytes image_for(Input& input, const Schema& schema) {
    statchan_snapshot head{};
    head.magic = STATCHAN_SNAPSHOT_MAGIC;
    head.head_len = sizeof head;
    head.n_counters = schema.counters();
    head.schema_hash = schema.hash();
    Bytes image(sizeof head + schema.counters() * 8);
    std::memcpy(image.data(), &head, sizeof head);
    for (auto patches = input.byte() & 3U; patches > 0; --patches) {
        const auto at = input.take<std::uint16_t>() % image.size();
        const auto bytes = input.bytes(input.byte());
        std::memcpy(image.data() + at, bytes.data(), std::min(bytes.size(), image.size() - at));
    }
    const auto cut = input.byte();
    image.resize(image.size() - std::min<std::size_t>(cut, image.size()));
    return image;
}

void read_images(Input& input, const std::shared_ptr<const Schema>& schema) {
    if (schema->counters() > most_counters) return;
    const fuzz::Exactly image{image_for(input, *schema)};
    const auto head = read_image(image.bytes(), task);
    if (!head) return fuzz::is_told(head.error());
    must(fuzz::inside(std::as_bytes(head->counters), image.bytes()), "counters lie in the image");
    const auto view = view_image(*head, schema, task);
    if (!view) return fuzz::is_told(view.error());
    use(*view);
}

void read_raw_image(Input& input) {
    const fuzz::Exactly image{input.rest()};
    const auto head = read_image(image.bytes(), task);
    if (!head) return fuzz::is_told(head.error());
    must(fuzz::inside(std::as_bytes(head->counters), image.bytes()), "counters lie in the image");
}

// Control page and two images, all that the input says, changed while it is read.
void read_live(Input& input, const std::shared_ptr<const Schema>& schema) {
    if (schema->counters() > most_counters) return;
    const auto image = image_for(input, *schema);
    statchan_live control{};
    control.magic = STATCHAN_LIVE_MAGIC;
    control.seq = control.writing = input.byte();
    control.image_len = image.size();
    control.image_offset[0] = sizeof control;
    control.image_offset[1] = (sizeof control + image.size() + 7) / 8 * 8;
    Bytes memory(control.image_offset[1] + image.size());
    std::memcpy(memory.data(), &control, sizeof control);
    if (!image.empty()) {
        std::memcpy(memory.data() + control.image_offset[0], image.data(), image.size());
        std::memcpy(memory.data() + control.image_offset[1], image.data(), image.size());
    }
    const auto patch = [&](std::span<std::byte> bytes) {
        if ((input.byte() & 1U) == 0) return;
        const auto at = input.take<std::uint16_t>() % bytes.size();
        const auto with = input.bytes(input.byte() & 15U);
        std::memcpy(bytes.data() + at, with.data(), std::min(with.size(), bytes.size() - at));
    };
    patch(std::span{memory}.first(sizeof control));
    const fuzz::Exactly shared{memory};
    auto backend = LiveBackend::make(shared.bytes(), nullptr, schema, "fuzz");
    if (!backend) return fuzz::is_told(backend.error());
    LiveSnapshot live{std::move(*backend)};
    std::size_t calls = 0;
    const auto read = live.read([&](const SnapshotView& view) {
        must(++calls <= LiveSnapshot::max_attempts, "it gives up");
        must(fuzz::inside(std::as_bytes(view.counters()), shared.bytes()),
             "counters lie in the mapping");
        if (calls > most_looks) return;
        use(view);
        patch(shared.bytes());
    });
    if (!read) fuzz::is_told(read.error());
    const auto copy = live.copy();
    if (copy)
        use(*copy);
    else
        fuzz::is_told(copy.error());
    static_cast<void>(live.period());
    static_cast<void>(live.errors());
}

void match(Input& input) {
    const auto pattern = fuzz::text(input.block());
    const auto name = fuzz::text(input.rest());
    const bool matches = glob_match(pattern, name);
    must(glob_match("*", name), "* is anything");
    must(!matches || glob_match(std::string{pattern} + "*", name), "* may be nothing");
    must(!matches || glob_match("*" + std::string{pattern}, name), "* may be nothing in front");
    if (pattern.find_first_of("*?[") == pattern.npos)
        must(matches == (pattern == name), "a name is itself only");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    const auto which = input.byte() & 7U;
    if (which == 0) {
        match(input);
    } else if (which == 1) {
        read_raw_image(input);
    } else if (const auto schema = schema_of(input)) {
        if (which == 2)
            select(input, *schema);
        else if (which == 4)
            read_live(input, schema);  // slow where it is torn: a thousand attempts
        else
            read_images(input, schema);
    }
    return 0;
}
