// SPDX-License-Identifier: MIT
#include "measure/results_file.hpp"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace statctl::measure {

namespace {

constexpr std::uint32_t known_version = 1;

tl::unexpected<statchan::Error> failure(int error, std::string doing) {
    return tl::unexpected(statchan::Error{std::error_code{error, std::generic_category()},
                                          std::move(doing),
                                          std::generic_category().message(error),
                                          {}});
}

}  // namespace

statchan::Result<void> write_file(const std::filesystem::path& path, const std::string& text) {
    // What is there stays until the new one is whole: the disk may be full. A device, or a pipe, is
    // written as it is.
    std::error_code none;
    const auto status = std::filesystem::status(path, none);
    const bool replaces = !std::filesystem::exists(status) || is_regular_file(status);
    const auto to = replaces ? std::filesystem::path{path.string() + ".new"} : path;
    errno = 0;
    std::ofstream file{to, std::ios::binary | std::ios::trunc};
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    file.close();
    if (file && replaces && ::rename(to.c_str(), path.c_str()) == 0) return {};
    if (file && !replaces) return {};
    const int error = errno != 0 ? errno : EIO;
    if (replaces) std::filesystem::remove(to, none);
    return failure(error, fmt::format("write '{}'", path.string()));
}

std::string default_folder() {
    const char* state = std::getenv("XDG_STATE_HOME");
    const char* home = std::getenv("HOME");
    const std::string base = state != nullptr && *state != 0
                                 ? state
                                 : std::string{home != nullptr ? home : "/tmp"} + "/.local/state";
    return base + "/statchan/compare";
}

std::string to_json(const statchan::results::Results& results) {
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = true;
    options.preserve_proto_field_names = true;
    // so that a program need not know which fields may be missing
    options.always_print_primitive_fields = true;
    std::string text;
    if (!google::protobuf::util::MessageToJsonString(results, &text, options).ok()) return {};
    return text;
}

statchan::Result<void> write_results(const statchan::results::Results& results,
                                     const std::string& folder) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) return failure(failed.value(), fmt::format("make folder '{}'", folder));
    const std::filesystem::path base{folder};
    if (auto done = write_file(base / "results.pb", results.SerializeAsString()); !done)
        return done;
    return write_file(base / "results.json", to_json(results));
}

statchan::Result<statchan::results::Results> read_results(const std::string& path) {
    std::filesystem::path from{path};
    std::error_code ignored;
    if (std::filesystem::is_directory(from, ignored)) from /= "results.pb";
    const auto doing = fmt::format("read results '{}'", from.string());
    std::ifstream file{from, std::ios::binary};
    if (!file) return failure(errno != 0 ? errno : EIO, doing);
    statchan::results::Results results;
    if (!results.ParseFromIstream(&file) || results.version() == 0)
        return tl::unexpected(statchan::Error{make_error_code(statchan::errc::bad_data),
                                              doing,
                                              "this is no file of statctl compare",
                                              {}});
    if (results.version() > known_version)
        return tl::unexpected(
            statchan::Error{make_error_code(statchan::errc::abi_mismatch), doing,
                            fmt::format("it is of version {}, this statctl knows {}",
                                        results.version(), known_version),
                            "update statctl"});
    return results;
}

}  // namespace statctl::measure
