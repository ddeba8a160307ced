// SPDX-License-Identifier: MIT
#include "fail.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

namespace statchan {
namespace {

class Category final : public std::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "statchan"; }

    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
            case errc::module_not_loaded:
                return "statchan module is not loaded";
            case errc::permission_denied:
                return "permission denied";
            case errc::abi_mismatch:
                return "library and module speak different versions";
            case errc::unknown_transport:
                return "unknown transport";
            case errc::not_supported:
                return "not supported by this transport";
            case errc::no_such_source:
                return "no such source";
            case errc::no_such_counter:
                return "no such counter";
            case errc::stale_generation:
                return "snapshot of this generation is gone";
            case errc::end_of_stream:
                return "end of stream";
            case errc::bad_data:
                return "data break the protocol";
            case errc::torn:
                return "live snapshot was torn every time";
            case errc::interrupted_dump:
                return "list changed while it was dumped";
        }
        return "unknown error";
    }

    // So that programs may ask for std::errc without knowing which of the two we chose.
    [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<errc>(value)) {
            case errc::permission_denied:
                return std::errc::operation_not_permitted;
            case errc::not_supported:
                return std::errc::operation_not_supported;
            case errc::no_such_source:
                return std::errc::no_such_file_or_directory;
            case errc::bad_data:
                return std::errc::bad_message;
            default:
                return {value, *this};
        }
    }

    // Some of ours are several errno's: so programs may ask for each by its own std::errc, too.
    [[nodiscard]] bool equivalent(int value,
                                  const std::error_condition& condition) const noexcept override {
        switch (static_cast<errc>(value)) {
            case errc::permission_denied:
                if (condition == std::errc::permission_denied) return true;
                break;
            case errc::no_such_source:
                if (condition == std::errc::no_such_device) return true;
                break;
            default:
                break;
        }
        return std::error_category::equivalent(value, condition);
    }
};

}  // namespace

const std::error_category& category() noexcept {
    static const Category instance;
    return instance;
}

std::string Error::message() const {
    auto text = doing.empty() ? reason : fmt::format("{}: {}", doing, reason);
    if (!way_out.empty()) text += "; " + way_out;
    return text;
}

namespace detail {
namespace {

std::error_code code_of(int err) {
    switch (err) {
        case EPERM:
        case EACCES:
            return errc::permission_denied;
        case ESTALE:
            return errc::stale_generation;
        default:
            return {err, std::generic_category()};
    }
}

// Only where the kernel's sentence gave none.
std::string_view way_out_of(int err) {
    switch (err) {
        case EPERM:
        case EACCES:
            return "needs CAP_NET_ADMIN over the network namespace: run as root";
        case ENOMEM:
            return "ask for a smaller buffer or free memory";
        case ESTALE:
            return "ask for generation 0 to get the newest";
        case ENOTTY:
        case E2BIG:
            return "the module may be older than this library: load the one built with it";
        default:
            return {};
    }
}

}  // namespace

std::string Task::text() const {
    return object.empty() ? std::string{verb} : fmt::format("{} '{}'", verb, object);
}

Fail fail(errc code, Task task, std::string reason, std::string way_out) {
    return Fail{Error{code, task.text(), std::move(reason), std::move(way_out)}};
}

Fail fail_errno(int err, Task task, std::string_view sentence) {
    const auto words = std::generic_category().message(err);
    if (sentence.empty())
        return Fail{Error{code_of(err), task.text(), words, std::string{way_out_of(err)}}};
    return Fail{Error{code_of(err), task.text(), fmt::format("{} ({})", sentence, words), {}}};
}

Fail fail_data(Task task, std::string reason) {
    return fail(errc::bad_data, task, std::move(reason),
                "the module and this library may be of different builds");
}

Fail pass_on(Error error) { return Fail{std::move(error)}; }

}  // namespace detail
}  // namespace statchan
