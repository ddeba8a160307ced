// SPDX-License-Identifier: MIT
//
// How a command says which words it takes. A thin face of CLI11, which is large: one file
// compiles it, not all.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "context.hpp"
#include "units.hpp"

namespace CLI {
class App;
}

namespace statctl {

struct Command;

/// Thrown for a command line that is wrong; exit status 2.
struct UsageError {
    std::string message;
};

/// For the argument that names a source.
inline constexpr auto source_help = "name of a source: statctl sources";

/// The command line of one command. References must live until the command has run.
class CommandLine {
  public:
    CommandLine(CLI::App& app, Context& context) : app_{app}, context_{context} {}

    /// A word that must be there.
    void argument(const std::string& name, std::string& value, const std::string& help);
    /// One or more words.
    void arguments(const std::string& name, std::vector<std::string>& values,
                   const std::string& help);
    /// One that may be missing.
    template <class T>
    void optional_argument(const std::string& name, T& value, Parsed<T> (*parse)(std::string_view),
                           const std::string& help) {
        parsed(name, value, parse, "", help);
    }
    /// Words "key=value"; what the keys are is the kernel's business.
    void parameters(std::vector<std::string>& values, bool required);

    void flag(const std::string& names, bool& value, const std::string& help);
    void option(const std::string& names, std::string& value, const std::string& type,
                const std::string& help);
    /// An option whose text @p parse turns to a value.
    template <class T>
    void parsed(const std::string& names, T& value, Parsed<T> (*parse)(std::string_view),
                const std::string& type, const std::string& help) {
        option_with(names, type, help, [&value, parse](std::string_view text) -> std::string {
            auto result = parse(text);
            if (!result) return result.error();
            value = *result;
            return {};
        });
    }
    void duration(const std::string& names, nanoseconds& value, const std::string& help) {
        parsed(names, value, parse_duration, "TIME", help);
    }
    void size(const std::string& names, std::uint64_t& value, const std::string& help) {
        parsed(names, value, parse_size, "SIZE", help);
    }
    void count(const std::string& names, std::uint64_t& value, const std::string& help) {
        parsed(names, value, parse_count, "N", help);
    }
    void per_second(const std::string& names, std::uint64_t& value, const std::string& help) {
        parsed(names, value, parse_per_second, "N/s", help);
    }
    void number(const std::string& names, std::uint32_t& value, const std::string& help) {
        parsed(names, value, parse_number, "N", help);
    }

    /// Options from here on are listed under this title.
    void title(const std::string& title) { title_ = title; }
    /// Commands below this one.
    void commands(std::span<const Command> commands);
    /// What the command does.
    void run(std::function<Result<void>(Context&)> run);

  private:
    /// @p set returns what is wrong with the text, or nothing.
    void option_with(const std::string& names, const std::string& type, const std::string& help,
                     std::function<std::string(std::string_view)> set);

    CLI::App& app_;
    Context& context_;
    std::string title_ = "Options";
};

}  // namespace statctl
