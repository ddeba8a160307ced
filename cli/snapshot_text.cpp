// SPDX-License-Identifier: MIT
#include "snapshot_text.hpp"

#include <array>
#include <chrono>
#include <utility>

namespace statctl {

namespace {

nanoseconds age(const SnapshotHead& head) {
    return std::chrono::steady_clock::now() - head.info.end;
}

Cell digest(const SnapshotHead& head) {
    if (!head.digest) return {nullptr, ""};
    const auto digits = format_hash(*head.digest);
    return {digits, "digest " + digits};
}

// The text of a cell is a phrase; an empty one is left out.
Cell fetched(const SnapshotHead& head) {
    if (!head.fetched) return {nullptr, ""};
    return {head.fetched->count(), "fetched in " + format_duration(*head.fetched)};
}

constexpr std::array<Column<SnapshotHead>, 11> head_columns{{
    {"source", Align::left,
     [](const SnapshotHead& h) -> Cell {
         return {h.source, ""};
     }},
    {"generation", Align::left,
     [](const SnapshotHead& h) -> Cell {
         return {h.info.generation, fmt::format("generation {}", h.info.generation)};
     }},
    {"begin_ns", Align::left,
     [](const SnapshotHead& h) -> Cell {
         return {statchan::to_ns(h.info.begin), ""};
     }},
    {"end_ns", Align::left,
     [](const SnapshotHead& h) -> Cell {
         return {statchan::to_ns(h.info.end),
                 fmt::format("taken in {}", format_duration(h.info.end - h.info.begin))};
     }},
    {"age_ns", Align::left,
     [](const SnapshotHead& h) -> Cell {
         return {age(h).count(), fmt::format("{} old", format_duration(age(h)))};
     }},
    {"atomic", Align::left,
     [](const SnapshotHead& h) -> Cell {
         return {h.info.atomic, h.info.atomic ? "atomic" : "not atomic"};
     }},
    {"torn", Align::left,
     [](const SnapshotHead& h) -> Cell {
         return {h.info.torn, h.info.torn ? "TORN" : ""};
     }},
    {"bytes", Align::left,
     [](const SnapshotHead& h) -> Cell {
         const auto bytes = h.counters * sizeof(std::uint64_t);
         return {bytes, format_size(bytes)};
     }},
    {"fetch_ns", Align::left, fetched},
    {"digest", Align::left, digest},
    {"transport", Align::left,
     [](const SnapshotHead& h) -> Cell {
         return {h.transport, fmt::format("over {}", h.transport)};
     }},
}};

std::string names_of(std::span<const statchan::Group> groups) {
    std::string names;
    for (const auto& group : groups) names += (names.empty() ? "" : ", ") + group.name;
    return names;
}

}  // namespace

void CounterFilter::add_to(CommandLine& line) {
    line.option("--group", group, "GLOB", "groups that match, as in 'port' or 'p*'");
    line.option("--instance", instance, "GLOB", "instances that match, as in 3 or '1?'");
    line.option("--field", field, "GLOB", "fields that match, as in 'rx_*'");
}

Result<std::vector<statchan::CounterRef>> CounterFilter::select(const statchan::Schema& schema,
                                                                std::string_view source) const {
    auto counters = schema.select(group + "/" + instance + "/" + field);
    if (!counters.empty()) return counters;
    std::string wanted;
    for (const auto& [name, glob] :
         {std::pair{"--group", &group}, {"--instance", &instance}, {"--field", &field}}) {
        if (*glob != "*") wanted += fmt::format(" {} '{}'", name, *glob);
    }
    return failure(statchan::errc::no_such_counter, fmt::format("select counters of '{}'", source),
                   "no counter matches" + wanted,
                   fmt::format("there are groups {}; see statctl schema {}",
                               names_of(schema.groups()), source));
}

std::string describe(const SnapshotHead& head) {
    auto text = std::string{head.source};
    const char* separator = ": ";
    for (const auto& column : head_columns) {
        const auto phrase = column.cell(head).text;
        if (phrase.empty()) continue;
        text += separator + phrase;
        separator = ", ";
    }
    return text;
}

JsonObject to_json(const SnapshotHead& head) { return to_json<SnapshotHead>(head_columns, head); }

std::string format_hash(std::uint64_t hash) { return fmt::format("{:016x}", hash); }

}  // namespace statctl
