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

/// Writes a file, in the place of the one that is there when it is whole; or to what is no file.
[[nodiscard]] statchan::Result<void> write_file(const std::filesystem::path& path,
                                                const std::string& text);

/// Where compare leaves its results if it is not told: in $XDG_STATE_HOME, else ~/.local/state.
[[nodiscard]] statchan::Result<std::string> default_folder();

/// Reads a results.pb, or the one in a folder.
[[nodiscard]] statchan::Result<statchan::results::Results> read_results(const std::string& path);

/// As in results.json. Throws std::runtime_error if they are no text.
[[nodiscard]] std::string to_json(const statchan::results::Results& results);

}  // namespace statctl::measure
