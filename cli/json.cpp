// SPDX-License-Identifier: MIT
#include "json.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace statctl {

namespace {

bool needs_no_escape(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

// Bytes that are no UTF-8 are replaced: a name is no reason to print nothing.
std::string quoted(std::string_view text) {
    if (needs_no_escape(text)) return fmt::format("\"{}\"", text);
    using nlohmann::json;
    return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string valid_utf8(std::string_view text) {
    if (needs_no_escape(text)) return std::string{text};
    return nlohmann::json::parse(quoted(text)).get<std::string>();
}

Json::Json(double value) {
    if (std::isfinite(value)) text = fmt::to_string(value);
}

Json::Json(std::string_view value) : text{quoted(value)} {}

Json Json::raw(std::string json) {
    Json value;
    value.text = std::move(json);
    return value;
}

JsonObject& JsonObject::add(std::string_view key, const Json& value) {
    if (text_.size() > 1) text_ += ',';
    text_ += quoted(key);
    text_ += ':';
    text_ += value.text;
    return *this;
}

JsonObject& JsonObject::add(const JsonObject& other) {
    if (other.text_.size() > 1) {
        if (text_.size() > 1) text_ += ',';
        text_ += std::string_view{other.text_}.substr(1);
    }
    return *this;
}

JsonArray& JsonArray::add(const Json& value) {
    if (text_.size() > 1) text_ += ',';
    text_ += value.text;
    return *this;
}

}  // namespace statctl
