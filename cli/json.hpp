// SPDX-License-Identifier: MIT
//
// Values of JSON, written as soon as they are made: a row of a million has no tree to build.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>

namespace statctl {

/// One value, as text.
struct Json {
    std::string text = "null";

    Json() = default;
    // NOLINTBEGIN(google-explicit-constructor): a value is written as what it is
    Json(std::nullptr_t) {}
    Json(bool value) : text{value ? "true" : "false"} {}
    Json(double value);
    Json(std::string_view value);
    Json(const std::string& value) : Json{std::string_view{value}} {}
    Json(const char* value) : Json{std::string_view{value}} {}
    template <std::integral T>
    requires(!std::same_as<T, bool>) Json(T value) : text{fmt::to_string(value)} {}
    // NOLINTEND(google-explicit-constructor)
    /// Text that is JSON already.
    [[nodiscard]] static Json raw(std::string json);

    friend bool operator==(const Json&, const Json&) = default;
};

/// An object; its keys stay in the order in which they were added.
class JsonObject {
  public:
    JsonObject& add(std::string_view key, const Json& value);
    /// All members of another.
    JsonObject& add(const JsonObject& other);
    [[nodiscard]] Json done() const { return Json::raw(text_ + "}"); }

  private:
    std::string text_ = "{";
};

/// The text, with what is no UTF-8 in it replaced.
[[nodiscard]] std::string valid_utf8(std::string_view text);

class JsonArray {
  public:
    JsonArray& add(const Json& value);
    [[nodiscard]] Json done() const { return Json::raw(text_ + "]"); }

  private:
    std::string text_ = "[";
};

}  // namespace statctl
