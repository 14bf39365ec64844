#include "control/objects/read.h"

#include <charconv>

namespace towpath::control::objects {

std::int32_t int32(const Value& value, std::int32_t otherwise) {
  return static_cast<std::int32_t>(value.asInt(otherwise));
}

std::optional<std::int32_t> optionalInt32(const Value& value) {
  if (!value.isNumber()) return std::nullopt;
  return int32(value);
}

std::int32_t intOrText(const Value& value, std::int32_t otherwise) {
  const std::string* text = value.ifString();
  if (!text) return int32(value, otherwise);
  std::int32_t number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

std::optional<WallTime> optionalTime(const Value& value) {
  if (!value.isString()) return std::nullopt;
  return parseRfc3339(value.asStringView());
}

std::map<std::string, std::string> textMap(const Value& value) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, text] : value.asObject()) texts.emplace(key, text.asString());
  return texts;
}

IntOrPercent intOrPercent(const Value& value, IntOrPercent otherwise) {
  if (value.isNumber()) return IntOrPercent::pods(int32(value));
  if (!value.isString()) return otherwise;
  return parsePercent(value.asStringView()).value_or(otherwise);
}

void put(Value& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}
void put(Value& object, const char* key, std::int32_t number) {
  if (number != 0) object[key] = number;
}
void put(Value& object, const char* key, bool flag) {
  if (flag) object[key] = true;
}
void put(Value& object, const char* key, const std::optional<std::int32_t>& number) {
  if (number) object[key] = *number;
}
void put(Value& object, const char* key, const std::optional<WallTime>& time) {
  if (time) object[key] = formatRfc3339(*time);
}
void put(Value& object, const char* key, const std::map<std::string, std::string>& texts) {
  if (texts.empty()) return;
  Object members;
  for (const auto& [name, text] : texts) members.append(name, text);
  object[key] = std::move(members);
}

}  // namespace towpath::control::objects
