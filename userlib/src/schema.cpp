// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <linux/statchan.h>

#include <algorithm>
#include <cstring>
#include <statchan/digest.hpp>
#include <statchan/schema.hpp>
#include <utility>

#include "abi.hpp"
#include "fail.hpp"
#include "glob.hpp"

namespace statchan {
namespace {

using detail::fail_data;
using detail::Task;

constexpr Task task{"read the schema"};

using Blob = std::span<const std::byte>;

template <class T>
T entry(Blob blob, std::size_t offset) {
    return detail::copy_struct<T>(blob.subspan(offset, sizeof(T)));
}

// Head and lengths: after this everything that the head announces is inside the blob.
Result<statchan_schema> check_head(Blob blob) {
    if (blob.size() < sizeof(statchan_schema))
        return fail_data(task, fmt::format("{} bytes are too few for a head", blob.size()));
    const auto head = entry<statchan_schema>(blob, 0);
    if (head.magic != STATCHAN_SCHEMA_MAGIC)
        return fail_data(task, fmt::format("magic is {:#x}", head.magic));
    const auto need = sizeof head + std::uint64_t{head.n_groups} * sizeof(statchan_group) +
                      std::uint64_t{head.n_fields} * sizeof(statchan_field);
    if (head.len != need || need != blob.size()) {
        return fail_data(task,
                         fmt::format("{} groups and {} fields need {} bytes, the head says "
                                     "{}, there are {}",
                                     head.n_groups, head.n_fields, need, head.len, blob.size()));
    }
    if (head.n_counters > STATCHAN_COUNTERS_MAX)
        return fail_data(task, fmt::format("{} counters are too many", head.n_counters));
    return head;
}

// A name ends within its field, as the header says.
template <std::size_t N>
Result<std::string_view> name_of(const char (&field)[N], std::string_view what, std::size_t at) {
    const auto name = detail::text(field);
    if (name.empty()) return fail_data(task, fmt::format("{} {} has no name", what, at));
    if (name.size() == N)
        return fail_data(task, fmt::format("the name of {} {} has no end: '{}'", what, at, name));
    return name;
}

// xxHash64 of the blob with its hash field 0.
std::uint64_t hash_of(Blob blob) {
    std::vector<std::byte> copy{blob.begin(), blob.end()};
    auto head = entry<statchan_schema>(blob, 0);
    head.hash = 0;
    std::memcpy(copy.data(), &head, sizeof head);
    return digest(copy);
}

// A group must take up where the one before ended, in fields and in counters.
Result<void> check_group(const statchan_group& g, std::string_view name, std::uint32_t n_fields,
                         std::uint64_t next_field, std::uint64_t next_counter,
                         std::uint64_t n_counters) {
    if (g.instances == 0 || g.n_fields == 0)
        return fail_data(task, fmt::format("group '{}' is empty", name));
    if (g.first_field != next_field || g.n_fields > n_fields - next_field)
        return fail_data(task, fmt::format("group '{}' has fields it can not have", name));
    const auto counters = std::uint64_t{g.instances} * g.n_fields;
    if (g.first_counter != next_counter || counters > n_counters - next_counter)
        return fail_data(task, fmt::format("group '{}' has counters it can not have", name));
    return {};
}

Result<std::vector<Field>> parse_fields(Blob blob, const statchan_schema& head) {
    std::vector<Field> fields;
    fields.reserve(head.n_fields);
    auto offset = sizeof head + head.n_groups * sizeof(statchan_group);
    for (std::uint32_t i = 0; i < head.n_fields; ++i, offset += sizeof(statchan_field)) {
        const auto f = entry<statchan_field>(blob, offset);
        const auto name = name_of(f.name, "field", i);
        if (!name) return detail::pass_on(name.error());
        if (f.type != STATCHAN_COUNTER && f.type != STATCHAN_GAUGE)
            return fail_data(task, fmt::format("field '{}' is of unknown type {}", *name, f.type));
        fields.push_back(
            {std::string{*name}, static_cast<FieldType>(f.type), static_cast<Unit>(f.unit)});
    }
    return fields;
}

template <class Range, class Name>
std::string names_of(const Range& range, Name name) {
    std::string names;
    for (const auto& element : range) {
        if (!names.empty()) names += ", ";
        names += name(element);
    }
    return names;
}

}  // namespace

Result<std::shared_ptr<const Schema>> Schema::parse(std::span<const std::byte> blob) {
    const auto head = check_head(blob);
    if (!head) return detail::pass_on(head.error());
    if (const auto hash = hash_of(blob); hash != head->hash)
        return fail_data(task, fmt::format("hash is {:#x}, the head says {:#x}", hash, head->hash));

    std::shared_ptr<Schema> schema{new Schema};
    schema->hash_ = head->hash;
    schema->counters_ = head->n_counters;
    auto fields = parse_fields(blob, *head);
    if (!fields) return detail::pass_on(fields.error());
    schema->fields_ = std::move(*fields);

    std::uint64_t next_field = 0;
    std::uint64_t next_counter = 0;
    schema->groups_.reserve(head->n_groups);
    for (std::uint32_t i = 0; i < head->n_groups; ++i) {
        const auto g = entry<statchan_group>(blob, sizeof *head + i * sizeof(statchan_group));
        const auto name = name_of(g.name, "group", i);
        if (!name) return detail::pass_on(name.error());
        const auto checked =
            check_group(g, *name, head->n_fields, next_field, next_counter, head->n_counters);
        if (!checked) return detail::pass_on(checked.error());
        schema->groups_.push_back({std::string{*name}, g.instances, g.first_counter,
                                   std::span{schema->fields_}.subspan(g.first_field, g.n_fields)});
        next_field += g.n_fields;
        next_counter += std::uint64_t{g.instances} * g.n_fields;
    }
    if (next_field != head->n_fields || next_counter != head->n_counters)
        return fail_data(task, "the groups do not add up to the whole");
    return schema;
}

Result<const Group*> Schema::group(std::string_view name) const {
    const auto it = std::find_if(groups_.begin(), groups_.end(),
                                 [&](const Group& g) { return g.name == name; });
    if (it != groups_.end()) return &*it;
    return detail::fail(errc::no_such_counter, {"find group", name}, "no such group",
                        "there are: " + names_of(groups_, [](const Group& g) { return g.name; }));
}

Result<Column> Schema::column(std::string_view group_name, std::string_view field) const {
    const auto found = group(group_name);
    if (!found) return detail::pass_on(found.error());
    const auto& fields = (*found)->fields;
    const auto it =
        std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == field; });
    if (it != fields.end()) return Column{*found, static_cast<std::size_t>(it - fields.begin())};
    return detail::fail(errc::no_such_counter, {"find field", field},
                        fmt::format("no such field in group '{}'", group_name),
                        "there are: " + names_of(fields, [](const Field& f) { return f.name; }));
}

std::vector<CounterRef> Schema::select(std::string_view pattern) const {
    std::string_view part[3];
    for (auto& p : part) {
        const auto slash = pattern.find('/');
        p = pattern.substr(0, slash);
        if (p.empty()) p = "*";
        pattern = slash == pattern.npos ? std::string_view{} : pattern.substr(slash + 1);
    }
    std::vector<CounterRef> found;
    if (!pattern.empty()) return found;  // a fourth part: nothing has one
    for (const auto& g : groups_) {
        if (!detail::glob_match(part[0], g.name)) continue;
        std::vector<std::size_t> wanted;
        for (std::size_t f = 0; f < g.fields.size(); ++f)
            if (detail::glob_match(part[2], g.fields[f].name)) wanted.push_back(f);
        if (wanted.empty()) continue;
        for (std::uint32_t i = 0; i < g.instances; ++i) {
            if (part[1] != "*" && !detail::glob_match(part[1], std::to_string(i))) continue;
            for (const auto f : wanted) found.push_back({&g, &g.fields[f], i, g.index(i, f)});
        }
    }
    return found;
}

std::string CounterRef::name() const {
    return fmt::format("{}/{}/{}", group->name, instance, field->name);
}

}  // namespace statchan
