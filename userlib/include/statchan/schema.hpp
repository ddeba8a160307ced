// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <statchan/error.hpp>
#include <statchan/export.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace statchan {

enum class FieldType : std::uint16_t {
    counter = 1,  ///< only grows, wraps at 2^64
    gauge = 2,    ///< any value
};

enum class Unit : std::uint16_t { none = 0, packets = 1, bytes = 2, events = 3, ns = 4 };

[[nodiscard]] STATCHAN_API std::string_view to_string(FieldType t) noexcept;
/// "packets", ...; "" for none and for units this library does not know.
[[nodiscard]] STATCHAN_API std::string_view to_string(Unit u) noexcept;

struct Field {
    std::string name{};
    FieldType type = FieldType::counter;
    Unit unit = Unit::none;
};

/// A kind of object with counters (port, queue, ...): instances x fields.
struct Group {
    std::string name{};
    std::uint32_t instances = 0;
    std::size_t first_counter = 0;    ///< place of instance 0, field 0 in a snapshot
    std::span<const Field> fields{};  ///< of one instance; owned by the Schema

    /// Place in a snapshot. No checks.
    [[nodiscard]] std::size_t index(std::size_t instance, std::size_t field) const noexcept {
        return first_counter + instance * fields.size() + field;
    }
};

/// One field of a group over all its instances, found once, for use on every snapshot.
struct Column {
    const Group* group = nullptr;  ///< owned by the Schema
    std::size_t field = 0;         ///< in group->fields

    [[nodiscard]] std::size_t index(std::size_t instance) const noexcept {
        return group->index(instance, field);
    }
};

/// One counter of a schema.
struct CounterRef {
    const Group* group = nullptr;  ///< owned by the Schema
    const Field* field = nullptr;
    std::uint32_t instance = 0;
    std::size_t index = 0;  ///< in a snapshot

    /// "port/3/rx_bytes"
    [[nodiscard]] STATCHAN_API std::string name() const;
};

/// The description of a source's counters. Immutable, so shared freely between threads.
class STATCHAN_API Schema {
  public:
    /// Reads the kernel's blob, which need not be aligned, or says what is wrong with it
    /// (errc::bad_data). Believes nothing: lengths, sums, names and the hash are checked.
    [[nodiscard]] static Result<std::shared_ptr<const Schema>> parse(
        std::span<const std::byte> blob);

    Schema(const Schema&) = delete;
    Schema& operator=(const Schema&) = delete;

    /// xxHash64 of the blob. Equal hashes mean equal schemas.
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
    [[nodiscard]] std::size_t counters() const noexcept { return counters_; }
    [[nodiscard]] std::span<const Group> groups() const noexcept { return groups_; }

    /// Group of this name, or errc::no_such_counter with the names there are.
    [[nodiscard]] Result<const Group*> group(std::string_view name) const;
    /// Field of a group, or errc::no_such_counter with the names there are.
    [[nodiscard]] Result<Column> column(std::string_view group, std::string_view field) const;

    /// Counters that match "group/instance/field", each part a glob (*, ?, [a-z]); parts left
    /// out at the end are "*". "port/3/rx_*", "queue", "port/*/rx_bytes". In snapshot order;
    /// nothing matching is no error.
    [[nodiscard]] std::vector<CounterRef> select(std::string_view pattern) const;

  private:
    Schema() = default;
    std::uint64_t hash_ = 0;
    std::size_t counters_ = 0;
    std::vector<Field> fields_;
    std::vector<Group> groups_;
};

}  // namespace statchan
