// SPDX-License-Identifier: MIT
#include "catalog.hpp"

#include <linux/statchan.h>

#include "fail.hpp"

namespace statchan::detail {
namespace {

// No group and no field is without a counter: a length beyond that is a lie not worth memory.
std::uint64_t most_schema_bytes(std::uint64_t n_counters) {
    return sizeof(statchan_schema) + n_counters * (sizeof(statchan_group) + sizeof(statchan_field));
}

}  // namespace

Result<Catalog::Entry> Catalog::find(std::string_view name) {
    const auto it = sources_.find(name);
    if (it != sources_.end()) return it->second;
    if (auto asked = refresh(name); !asked) return pass_on(asked.error());
    return sources_.find(name)->second;
}

Result<bool> Catalog::refresh(std::string_view name) {
    const auto it = sources_.find(name);
    const auto before = it == sources_.end() ? Entry{} : it->second;
    if (it != sources_.end()) sources_.erase(it);
    const auto info = control_.source(name);
    if (!info) return pass_on(info.error());
    // Buffers are sized by it.
    if (info->n_counters > STATCHAN_COUNTERS_MAX)
        return fail_data({"look up source", name},
                         std::to_string(info->n_counters) + " counters are too many");
    sources_[std::string{name}] = {info->id, info->n_counters, info->schema_hash};
    return info->id != before.id;
}

Result<std::shared_ptr<const Schema>> Catalog::schema(const Entry& source, std::string_view name) {
    const auto it = schemas_.find(source.schema_hash);
    if (it != schemas_.end()) return it->second;
    const auto blob = control_.schema(source.id, name, most_schema_bytes(source.n_counters));
    if (!blob) return pass_on(blob.error());
    auto schema = Schema::parse(*blob);
    if (!schema) {
        schema.error().doing += " of '" + std::string{name} + "'";
        return pass_on(schema.error());
    }
    if ((*schema)->hash() != source.schema_hash)
        return fail_data({"get the schema of", name}, "its hash is not the one announced");
    schemas_.emplace(source.schema_hash, *schema);
    return *schema;
}

}  // namespace statchan::detail
