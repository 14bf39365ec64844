#include "api/schema.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <regex>

#include "base/time.h"
#include "json/field.h"
#include "json/serialize.h"

namespace towpath::api {

namespace {

constexpr std::size_t kMaxPatternText = 4096;  // longer texts are not matched: the library's matcher recurses

bool flag(const Value& schema, std::string_view name) { return schema[name].asBool(); }

// How an error shows a value: short ones as they are.
std::string shown(const Value& value) {
  std::string text = json::serialize(value);
  return text.size() > 200 ? text.substr(0, 200) + "…" : text;
}

class Validator {
 public:
  FieldErrors take() { return std::move(errors_); }

  void check(const Value& schema, const Value& value, const std::string& path);

 private:
  bool checkType(const Value& schema, const Value& value, const std::string& path);
  void checkEnum(const Value& schema, const Value& value, const std::string& path);
  void checkNumber(const Value& schema, const Value& value, const std::string& path);
  void checkString(const Value& schema, const std::string& text, const std::string& path);
  void checkFormat(std::string_view format, const std::string& text, const std::string& path);
  void checkPattern(const std::string& pattern, const std::string& text, const std::string& path);
  void checkArray(const Value& schema, const Array& array, const std::string& path);
  void checkUnique(const Value& schema, const Array& array, const std::string& path);
  void checkObject(const Value& schema, const Object& object, const std::string& path);
  void checkCombined(const Value& schema, const Value& value, const std::string& path);

  void add(FieldErrorKind kind, const std::string& path, std::string message) {
    if (errors_.size() < kMaxSchemaErrors) errors_.push_back({kind, path, std::move(message)});
  }
  // "Invalid value: 7: spec.x in body should be …".
  void invalid(const std::string& path, const Value& value, std::string_view rule) {
    add(FieldErrorKind::kInvalid, path, fmt::format("Invalid value: {}: {} in body {}", shown(value), path, rule));
  }

  FieldErrors errors_;
};

void Validator::check(const Value& schema, const Value& value, const std::string& path) {
  if (errors_.size() >= kMaxSchemaErrors || !schema.isObject()) return;
  if (value.isNull() && flag(schema, "nullable")) return;
  if (!checkType(schema, value, path)) return;
  checkEnum(schema, value, path);
  if (value.isNumber()) checkNumber(schema, value, path);
  if (const std::string* text = value.ifString()) checkString(schema, *text, path);
  if (const Array* array = value.ifArray()) checkArray(schema, *array, path);
  if (const Object* object = value.ifObject()) checkObject(schema, *object, path);
  checkCombined(schema, value, path);
}

bool hasType(std::string_view type, const Value& value) {
  if (type == "string") return value.isString();
  if (type == "integer")
    return value.isInt() || (value.isDouble() && std::trunc(*value.ifDouble()) == *value.ifDouble());
  if (type == "number") return value.isNumber();
  if (type == "boolean") return value.isBool();
  if (type == "array") return value.isArray();
  if (type == "object") return value.isObject();
  return true;
}

bool Validator::checkType(const Value& schema, const Value& value, const std::string& path) {
  const bool is_either = flag(schema, "x-kubernetes-int-or-string");
  const std::string_view type = is_either ? "integer,string" : schema["type"].asStringView();
  const bool fits = is_either ? value.isString() || hasType("integer", value) : hasType(type, value);
  if (fits) return true;
  const char* const actual = toString(value.kind());
  add(FieldErrorKind::kTypeInvalid, path,
      fmt::format("Invalid value: \"{}\": {} in body must be of type {}: \"{}\"", actual, path, type, actual));
  return false;
}

void Validator::checkEnum(const Value& schema, const Value& value, const std::string& path) {
  const Array& allowed = schema["enum"].asArray();
  if (allowed.empty() || std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  std::vector<std::string> names;
  for (const Value& one : allowed) names.push_back(json::serialize(one));
  add(FieldErrorKind::kNotSupported, path,
      fmt::format("Unsupported value: {}: supported values: {}", shown(value), fmt::join(names, ", ")));
}

void Validator::checkNumber(const Value& schema, const Value& value, const std::string& path) {
  const double number = value.asDouble();
  const Value& maximum = schema["maximum"];
  const Value& minimum = schema["minimum"];
  const bool excludes_maximum = flag(schema, "exclusiveMaximum");
  const bool excludes_minimum = flag(schema, "exclusiveMinimum");
  if (maximum.isNumber() && (excludes_maximum ? number >= maximum.asDouble() : number > maximum.asDouble())) {
    invalid(path, value,
            fmt::format("should be less than {}{}", excludes_maximum ? "" : "or equal to ", shown(maximum)));
  }
  if (minimum.isNumber() && (excludes_minimum ? number <= minimum.asDouble() : number < minimum.asDouble())) {
    invalid(path, value,
            fmt::format("should be greater than {}{}", excludes_minimum ? "" : "or equal to ", shown(minimum)));
  }
  const double step = schema["multipleOf"].asDouble();
  if (step > 0 && std::fabs(std::remainder(number, step)) > 1e-9 * step) {
    invalid(path, value, fmt::format("should be a multiple of {}", shown(schema["multipleOf"])));
  }
  constexpr double kInt32Max = std::numeric_limits<std::int32_t>::max();
  if (schema["format"].asStringView() == "int32" && (number > kInt32Max || number < -kInt32Max - 1)) {
    invalid(path, value, fmt::format("must be of type int32: \"{}\"", shown(value)));
  }
}

void Validator::checkString(const Value& schema, const std::string& text, const std::string& path) {
  // Characters, not bytes.
  const auto length = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
  if (const Value& most = schema["maxLength"]; most.isNumber() && length > most.asInt()) {
    add(FieldErrorKind::kTooLong, path, fmt::format("Too long: may not be more than {} bytes", most.asInt()));
  }
  if (const Value& least = schema["minLength"]; least.isNumber() && length < least.asInt()) {
    invalid(path, Value(text), fmt::format("should be at least {} chars long", least.asInt()));
  }
  if (const std::string* pattern = schema["pattern"].ifString()) checkPattern(*pattern, text, path);
  if (const std::string* format = schema["format"].ifString()) checkFormat(*format, text, path);
}

void Validator::checkPattern(const std::string& pattern, const std::string& text, const std::string& path) {
  if (text.size() > kMaxPatternText) {
    add(FieldErrorKind::kTooLong, path, fmt::format("Too long: may not be more than {} bytes", kMaxPatternText));
    return;
  }
  try {
    if (std::regex_search(text, std::regex(pattern, std::regex::ECMAScript))) return;
    invalid(path, Value(text), fmt::format("should match '{}'", pattern));
  } catch (const std::regex_error&) {
    // A pattern in a dialect that the library does not read must not block all writes of its kind.
  }
}

void Validator::checkFormat(std::string_view format, const std::string& text, const std::string& path) {
  const bool is_bad =
      (format == "date-time" && !parseRfc3339(text)) || (format == "duration" && !parseGoDuration(text));
  if (is_bad) invalid(path, Value(text), fmt::format("must be of type {}: {}", format, json::serialize(Value(text))));
}

void Validator::checkArray(const Value& schema, const Array& array, const std::string& path) {
  const auto size = static_cast<std::int64_t>(array.size());
  if (const Value& most = schema["maxItems"]; most.isNumber() && size > most.asInt()) {
    add(FieldErrorKind::kTooMany, path, fmt::format("Too many: {}: must have at most {} items", size, most.asInt()));
    return;
  }
  if (const Value& least = schema["minItems"]; least.isNumber() && size < least.asInt()) {
    invalid(path, Value(static_cast<long long>(size)), fmt::format("should have at least {} items", least.asInt()));
  }
  checkUnique(schema, array, path);
  const Value& items = schema["items"];
  if (items.isNull()) return;
  for (std::size_t i = 0; i < array.size(); ++i) check(items, array[i], json::joinPath(path, i));
}

// Sets hold no value twice, and maps no two entries with the same keys.
void Validator::checkUnique(const Value& schema, const Array& array, const std::string& path) {
  const std::string_view type = schema["x-kubernetes-list-type"].asStringView();
  if (type != "set" && type != "map") return;
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < array.size(); ++i) {
    Value identity = array[i];
    if (type == "map") {
      Object keys;
      for (const Value& key : schema["x-kubernetes-list-map-keys"].asArray()) {
        keys.set(key.asStringView(), array[i][key.asStringView()]);
      }
      identity = Value(std::move(keys));
    }
    std::string text = json::serializeCanonical(identity);
    const auto place = std::lower_bound(seen.begin(), seen.end(), text);
    if (place != seen.end() && *place == text) {
      add(FieldErrorKind::kInvalid, json::joinPath(path, i), fmt::format("Duplicate value: {}", text));
    } else {
      seen.insert(place, std::move(text));
    }
  }
}

void Validator::checkObject(const Value& schema, const Object& object, const std::string& path) {
  for (const Value& name : schema["required"].asArray()) {
    if (!object.contains(name.asStringView())) {
      add(FieldErrorKind::kRequired, json::joinPath(path, name.asStringView()), "Required value");
    }
  }
  const auto size = static_cast<std::int64_t>(object.size());
  if (const Value& most = schema["maxProperties"]; most.isNumber() && size > most.asInt()) {
    add(FieldErrorKind::kTooMany, path, fmt::format("Too many: {}: must have at most {} items", size, most.asInt()));
  }
  if (const Value& least = schema["minProperties"]; least.isNumber() && size < least.asInt()) {
    invalid(path, Value(static_cast<long long>(size)),
            fmt::format("should have at least {} properties", least.asInt()));
  }
  const Object& properties = schema["properties"].asObject();
  const Value& others = schema["additionalProperties"];
  const bool is_root = path.empty();
  for (const Object::Member& member : object) {
    // The metadata of an object has rules of its own, which are not in its schema.
    if (is_root && member.key == "metadata") continue;
    const Value* known = properties.find(member.key);
    if (known) {
      check(*known, member.value, json::joinPath(path, member.key));
    } else if (others.isObject()) {
      check(others, member.value, json::joinPath(path, member.key));
    }
  }
}

// allOf, anyOf, oneOf and not: they only add rules in a structural schema.
void Validator::checkCombined(const Value& schema, const Value& value, const std::string& path) {
  const auto fits = [&](const Value& part) {
    Validator trial;
    trial.check(part, value, path);
    return trial.errors_.empty();
  };
  for (const Value& part : schema["allOf"].asArray()) check(part, value, path);
  const Array& any = schema["anyOf"].asArray();
  if (!any.empty() && std::none_of(any.begin(), any.end(), fits)) {
    invalid(path, value, "must validate at least one schema (anyOf)");
  }
  const Array& one = schema["oneOf"].asArray();
  if (!one.empty() && std::count_if(one.begin(), one.end(), fits) != 1) {
    invalid(path, value, "must validate one and only one schema (oneOf)");
  }
  if (const Value& unwanted = schema["not"]; unwanted.isObject() && fits(unwanted)) {
    invalid(path, value, "must not validate the schema (not)");
  }
}

class UnknownFinder {
 public:
  explicit UnknownFinder(UnknownFields what) : what_(what) {}

  std::vector<std::string> take() { return std::move(found_); }

  void walk(const Value& schema, Value& value, const std::string& path) {
    if (Array* array = value.ifArray()) {
      const Value& items = schema["items"];
      if (items.isNull()) return;
      for (std::size_t i = 0; i < array->size(); ++i) walk(items, (*array)[i], json::joinPath(path, i));
      return;
    }
    if (Object* object = value.ifObject()) walkObject(schema, *object, path);
  }

 private:
  void walkObject(const Value& schema, Object& object, const std::string& path) {
    const Object& properties = schema["properties"].asObject();
    const Value& others = schema["additionalProperties"];
    const bool keeps_all = flag(schema, "x-kubernetes-preserve-unknown-fields") || others.asBool();
    const bool is_resource = path.empty() || flag(schema, "x-kubernetes-embedded-resource");
    std::vector<std::string> unknown;
    for (Object::Member& member : object) {
      if (is_resource && (member.key == "apiVersion" || member.key == "kind" || member.key == "metadata")) continue;
      if (const Value* known = properties.find(member.key)) {
        walk(*known, member.value, json::joinPath(path, member.key));
      } else if (others.isObject()) {
        walk(others, member.value, json::joinPath(path, member.key));
      } else if (!keeps_all) {
        unknown.push_back(member.key);
      }
    }
    for (const std::string& key : unknown) {
      if (found_.size() < kMaxUnknownFields) found_.push_back(json::joinPath(path, key));
      if (what_ == UnknownFields::kPrune) object.erase(key);
    }
  }

  UnknownFields what_;
  std::vector<std::string> found_;
};

void checkTransition(const Value& schema, const Value& before, const Value& after, const std::string& path,
                     FieldErrors& errors) {
  if (before.isNull() || after.isNull() || errors.size() >= kMaxSchemaErrors) return;
  for (const Value& rule : schema["x-kubernetes-validations"].asArray()) {
    if (rule["rule"].asStringView() != "self == oldSelf" || before == after) continue;
    errors.push_back({FieldErrorKind::kInvalid, path,
                      fmt::format("Invalid value: \"{}\": {}", toString(after.kind()),
                                  rule["message"].asStringView("field is immutable"))});
  }
  for (const Object::Member& property : schema["properties"].asObject()) {
    checkTransition(property.value, before[property.key], after[property.key], json::joinPath(path, property.key),
                    errors);
  }
}

}  // namespace

void applyDefaults(const Value& schema, Value& value) {
  if (Array* array = value.ifArray()) {
    const Value& items = schema["items"];
    if (items.isNull()) return;
    for (Value& element : *array) applyDefaults(items, element);
    return;
  }
  Object* object = value.ifObject();
  if (!object) return;
  for (const Object::Member& property : schema["properties"].asObject()) {
    const Value* fallback = property.value.asObject().find("default");
    Value* member = object->find(property.key);
    // A null where none may stand gives way to the default, as with the peer.
    const bool is_absent = !member || (member->isNull() && !flag(property.value, "nullable"));
    if (fallback && is_absent) object->set(property.key, *fallback);
    if (Value* present = object->find(property.key)) applyDefaults(property.value, *present);
  }
  const Value& others = schema["additionalProperties"];
  if (!others.isObject()) return;
  for (Object::Member& member : *object) {
    if (!schema["properties"].asObject().contains(member.key)) applyDefaults(others, member.value);
  }
}

std::vector<std::string> findUnknownFields(const Value& schema, Value& object, UnknownFields what) {
  UnknownFinder finder(what);
  finder.walk(schema, object, "");
  return finder.take();
}

FieldErrors validateSchema(const Value& schema, const Value& object) {
  Validator validator;
  validator.check(schema, object, "");
  return validator.take();
}

FieldErrors validateTransition(const Value& schema, const Value& old_object, const Value& object) {
  FieldErrors errors;
  checkTransition(schema, old_object, object, "", errors);
  return errors;
}

}  // namespace towpath::api
