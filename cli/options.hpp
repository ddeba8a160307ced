// SPDX-License-Identifier: MIT
//
// Options whose values have units, with an error that says how to write them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "snapshot_text.hpp"
#include "units.hpp"

namespace statctl {

/// An option whose text @p parse turns into @p value.
template <class T>
CLI::Option* add_parsed(CLI::App& app, const std::string& names, T& value,
                        Parsed<T> (*parse)(std::string_view), const std::string& type,
                        const std::string& help) {
    return app
        .add_option_function<std::string>(
            names,
            [&value, parse, names](const std::string& text) {
                auto parsed = parse(text);
                if (!parsed) throw CLI::ValidationError{names, parsed.error()};
                value = *parsed;
            },
            help)
        ->type_name(type);
}

inline CLI::Option* add_duration(CLI::App& app, const std::string& names, nanoseconds& value,
                                 const std::string& help) {
    return add_parsed<nanoseconds>(app, names, value, parse_duration, "TIME", help);
}

inline CLI::Option* add_size(CLI::App& app, const std::string& names, std::uint64_t& value,
                             const std::string& help) {
    return add_parsed<std::uint64_t>(app, names, value, parse_size, "SIZE", help);
}

inline CLI::Option* add_count(CLI::App& app, const std::string& names, std::uint64_t& value,
                              const std::string& help) {
    return add_parsed<std::uint64_t>(app, names, value, parse_count, "N", help);
}

/// The source that a command is about.
inline CLI::Option* add_source(CLI::App& app, std::string& value) {
    return app.add_option("SOURCE", value, "name of a source: statctl sources")
        ->required()
        ->type_name("");
}

/// Which counters of the source.
inline void add_filter_options(CLI::App& app, CounterFilter& filter) {
    app.add_option("--group", filter.group, "groups that match, as in 'port' or 'p*'")
        ->type_name("GLOB");
    app.add_option("--instance", filter.instance, "instances that match, as in 3 or '1?'")
        ->type_name("GLOB");
    app.add_option("--field", filter.field, "fields that match, as in 'rx_*'")->type_name("GLOB");
}

}  // namespace statctl
