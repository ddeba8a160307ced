// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <statchan/snapshot.hpp>

#include "fail.hpp"

namespace statchan {

Result<std::uint64_t> SnapshotView::at(std::string_view group, std::size_t instance,
                                       std::string_view field) const {
    const auto column = schema_->column(group, field);
    if (!column) return detail::pass_on(column.error());
    if (instance >= column->group->instances) {
        return detail::fail(errc::no_such_counter, {"find instance of group", group},
                            fmt::format("there is no instance {}", instance),
                            fmt::format("there are 0 to {}", column->group->instances - 1));
    }
    return at(*column, instance);
}

Result<GroupView> SnapshotView::group(std::string_view name) const {
    const auto found = schema_->group(name);
    if (!found) return detail::pass_on(found.error());
    return GroupView{**found, counters_};
}

}  // namespace statchan
