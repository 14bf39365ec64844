#include "api/decode.h"

#include <limits>

namespace towpath::api {

std::optional<std::int32_t> optionalInt(const Value& value) {
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();
  const std::int64_t number = value.asInt(kNone);
  if (number < std::numeric_limits<std::int32_t>::min() || number > std::numeric_limits<std::int32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::int32_t>(number);
}

std::int32_t intOr(const Value& value, std::int32_t otherwise) { return optionalInt(value).value_or(otherwise); }

std::optional<WallTime> optionalTime(const Value& value) {
  const std::string* text = value.ifString();
  return text ? parseRfc3339(*text) : std::nullopt;
}

std::optional<std::string> optionalString(const Value& value) {
  const std::string* text = value.ifString();
  return text ? std::optional(*text) : std::nullopt;
}

std::map<std::string, std::string> stringMap(const Value& value) {
  std::map<std::string, std::string> map;
  for (const Object::Member& member : value.asObject()) {
    if (const std::string* text = member.value.ifString()) map[member.key] = *text;
  }
  return map;
}

void put(Object& object, std::string_view key, const std::string& text) {
  if (!text.empty()) object.set(key, text);
}

void put(Object& object, std::string_view key, std::int64_t number) {
  if (number != 0) object.set(key, static_cast<long long>(number));
}

void put(Object& object, std::string_view key, bool flag) {
  if (flag) object.set(key, true);
}

void put(Object& object, std::string_view key, const std::optional<WallTime>& time) {
  if (time) object.set(key, formatRfc3339(*time));
}

void put(Object& object, std::string_view key, const std::map<std::string, std::string>& map) {
  if (map.empty()) return;
  Object members;
  for (const auto& [name, text] : map) members.append(name, text);
  object.set(key, std::move(members));
}

void put(Object& object, std::string_view key, Value value) {
  const bool is_empty =
      value.isNull() || (value.isArray() && value.asArray().empty()) || (value.isObject() && value.asObject().empty());
  if (!is_empty) object.set(key, std::move(value));
}

}  // namespace towpath::api
