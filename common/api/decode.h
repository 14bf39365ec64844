#pragma once
// Small readers and writers of object members. Internal to api/.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"

namespace towpath::api {

// nullopt if the value is no integer, or one beyond 32 bits.
std::optional<std::int32_t> optionalInt(const Value& value);
std::int32_t intOr(const Value& value, std::int32_t otherwise);
std::optional<WallTime> optionalTime(const Value& value);
std::optional<std::string> optionalString(const Value& value);
// Members that are strings.
std::map<std::string, std::string> stringMap(const Value& value);

template <class T, class Decode>
std::vector<T> decodeList(const Value& list, Decode decode) {
  std::vector<T> result;
  result.reserve(list.asArray().size());
  for (const Value& element : list.asArray()) result.push_back(decode(element));
  return result;
}

template <class T, class Encode>
Value encodeList(const std::vector<T>& list, Encode encode) {
  Array result;
  result.reserve(list.size());
  for (const T& element : list) result.push_back(encode(element));
  return result;
}

// Each sets the member unless the value is the zero of its type, which Go's omitempty would leave out.
void put(Object& object, std::string_view key, const std::string& text);
void put(Object& object, std::string_view key, std::int64_t number);
void put(Object& object, std::string_view key, bool flag);
void put(Object& object, std::string_view key, const std::optional<WallTime>& time);
void put(Object& object, std::string_view key, const std::map<std::string, std::string>& map);
// Lists and objects that are empty, and null, are left out.
void put(Object& object, std::string_view key, Value value);

}  // namespace towpath::api
