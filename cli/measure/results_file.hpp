// SPDX-License-Identifier: MIT
//
// Results on disk: results.pb, and results.json for everybody else.
#pragma once

#include <results.pb.h>

#include <filesystem>
#include <statchan/error.hpp>
#include <string>

namespace statctl::measure {

/// Writes results.pb and results.json into the folder, which is made if it is not there.
[[nodiscard]] statchan::Result<void> write_results(const statchan::results::Results& results,
                                                   const std::string& folder);

/// Writes a file, or over it.
[[nodiscard]] statchan::Result<void> write_file(const std::filesystem::path& path,
                                                const std::string& text);

/// Where compare leaves its results if it is not told: in $XDG_STATE_HOME, else ~/.local/state.
[[nodiscard]] std::string default_folder();

/// Reads a results.pb, or the one in a folder.
[[nodiscard]] statchan::Result<statchan::results::Results> read_results(const std::string& path);

/// As in results.json.
[[nodiscard]] std::string to_json(const statchan::results::Results& results);

}  // namespace statctl::measure
