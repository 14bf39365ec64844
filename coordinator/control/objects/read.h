#pragma once
// Reading optional fields of an object into model types; shared by the files of this folder.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/int_or_percent.h"
#include "base/time.h"
#include "base/value.h"

namespace towpath::control::objects {

std::int32_t int32(const Value& value, std::int32_t otherwise = 0);
// nullopt if the field is absent.
std::optional<std::int32_t> optionalInt32(const Value& value);
// An integer, or a text that holds one (metrics' counts and limits); `otherwise` if absent, 0 if it is no number.
std::int32_t intOrText(const Value& value, std::int32_t otherwise = 0);
std::optional<WallTime> optionalTime(const Value& value);
std::map<std::string, std::string> textMap(const Value& value);
// maxSurge and its like; `otherwise` if absent or malformed.
IntOrPercent intOrPercent(const Value& value, IntOrPercent otherwise);

// Writing: members that are empty, zero or absent are left out, as the peer's types do.
void put(Value& object, const char* key, const std::string& text);
void put(Value& object, const char* key, std::int32_t number);
void put(Value& object, const char* key, bool flag);
void put(Value& object, const char* key, const std::optional<std::int32_t>& number);
void put(Value& object, const char* key, const std::optional<WallTime>& time);
void put(Value& object, const char* key, const std::map<std::string, std::string>& texts);

}  // namespace towpath::control::objects
