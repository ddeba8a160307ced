// SPDX-License-Identifier: MIT
#include "measure/results_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace statctl::measure {

namespace {

constexpr std::uint32_t known_version = 1;

tl::unexpected<statchan::Error> failure(int error, std::string doing) {
    return tl::unexpected(statchan::Error{std::error_code{error, std::generic_category()},
                                          std::move(doing),
                                          std::generic_category().message(error),
                                          {}});
}

// 0 or errno. Some disks say only at the end that they are full.
int write_to(const std::string& path, int flags, std::string_view text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666);
    if (fd < 0) return errno;
    int error = 0;
    while (error == 0 && !text.empty()) {
        const auto n = ::write(fd, text.data(), text.size());
        if (n >= 0) text.remove_prefix(static_cast<std::size_t>(n));
        if (n < 0 && errno != EINTR) error = errno;
    }
    if (::close(fd) != 0 && error == 0) error = errno;
    return error;
}

}  // namespace

statchan::Result<void> write_file(const std::filesystem::path& path, const std::string& text) {
    // What is there stays until the new one is whole: the disk may be full. What is no file, or
    // only leads to one, stays what it is, and is written to: a device, a pipe, /dev/stdout.
    std::error_code none;
    const auto status = std::filesystem::symlink_status(path, none);
    const bool replaces = !std::filesystem::exists(status) || is_regular_file(status);
    // nobody else's: another statctl may write there, too
    const auto to = replaces ? fmt::format("{}.{}.new", path.string(), ::getpid()) : path.string();
    int error = write_to(to, replaces ? O_CREAT | O_EXCL : O_TRUNC, text);
    if (error == EEXIST) return failure(error, fmt::format("write '{}'", to));
    if (error == 0 && replaces && ::rename(to.c_str(), path.c_str()) != 0) error = errno;
    if (error == 0) return {};
    if (replaces) ::unlink(to.c_str());
    return failure(error, fmt::format("write '{}'", path.string()));
}

statchan::Result<std::string> default_folder() {
    // the specification ignores one that is not absolute
    const char* state = std::getenv("XDG_STATE_HOME");
    if (state != nullptr && *state == '/') return std::string{state} + "/statchan/compare";
    const char* home = std::getenv("HOME");
    if (home != nullptr && *home == '/')
        return std::string{home} + "/.local/state/statchan/compare";
    return tl::unexpected(statchan::Error{
        std::make_error_code(std::errc::no_such_file_or_directory), "find the folder of results",
        "neither XDG_STATE_HOME nor HOME says where it is", "name one: --out, --results"});
}

std::string to_json(const statchan::results::Results& results) {
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = true;
    options.preserve_proto_field_names = true;
    // so that a program need not know which fields may be missing
    options.always_print_primitive_fields = true;
    std::string text;
    const auto status = google::protobuf::util::MessageToJsonString(results, &text, options);
    if (!status.ok()) throw std::runtime_error{"write results as JSON: " + status.ToString()};
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
