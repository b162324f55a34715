// Values of pgBackRest's files. Used within this folder.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace drwatch::verify::pgbackrest {

// Discarded if it is no JSON.
inline nlohmann::json Parse(std::string_view value) {
  return nlohmann::json::parse(value.begin(), value.end(), nullptr, false);
}

// nullptr: it is not there, or `object` is none.
inline const nlohmann::json* Find(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// Not negative.
inline std::optional<std::int64_t> Number(const nlohmann::json& object, const char* key) {
  const nlohmann::json* value = Find(object, key);
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  const auto number = value->get<std::uint64_t>();
  if (number > INT64_MAX) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

// Empty if it is not there or no text.
inline std::string Text(const nlohmann::json& object, const char* key) {
  const nlohmann::json* value = Find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

inline bool Flag(const nlohmann::json& object, const char* key) {
  const nlohmann::json* value = Find(object, key);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

}  // namespace drwatch::verify::pgbackrest
