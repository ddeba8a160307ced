// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <statchan/schema.hpp>
#include <string>
#include <string_view>

#include "control.hpp"

namespace statchan::detail {

/// What a client remembers of sources, so that a snapshot costs one question and not three: ids
/// by name, schemas by hash.
class Catalog {
  public:
    explicit Catalog(Control& control) noexcept : control_{control} {}

    struct Entry {
        std::uint32_t id = 0;
        std::uint64_t n_counters = 0;
        std::uint64_t schema_hash = 0;
    };

    /// The source of this name, as remembered, or asked for now.
    [[nodiscard]] Result<Entry> find(std::string_view name);

    /// Asks again: the source may have been replaced by another of the same name. Whether it
    /// was, or had not been remembered.
    [[nodiscard]] Result<bool> refresh(std::string_view name);

    /// Remembered for ever: a hash names one schema.
    [[nodiscard]] Result<std::shared_ptr<const Schema>> schema(const Entry& source,
                                                               std::string_view name);

  private:
    Control& control_;
    std::map<std::string, Entry, std::less<>> sources_;
    std::map<std::uint64_t, std::shared_ptr<const Schema>> schemas_;
};

}  // namespace statchan::detail
