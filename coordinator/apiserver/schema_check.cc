#include "apiserver/schema_check.h"

#include <fmt/format.h>

#include "json/field.h"
#include "json/path.h"
#include "json/serialize.h"

namespace towpath::apiserver {
namespace {

enum class Unknown { kKeep, kPrune };

class Checker {
 public:
  Checker(Unknown unknown, SchemaFindings& findings) : unknown_(unknown), findings_(findings) {}

  void check(const Value& schema, Value& value, const std::string& path) {
    if (schema["x-kubernetes-int-or-string"].asBool()) {
      if (!value.isInt() && !value.isString()) typeError(path, "integer or string", value);
      return;
    }
    const auto type = schema["type"].asStringView();
    if (!hasType(type, value)) return typeError(path, type, value);
    checkEnum(schema, value, path);
    checkBounds(schema, value, path);
    if (value.isObject()) checkObject(schema, value, path);
    if (value.isArray() && schema["items"].isObject()) {
      auto& items = *value.ifArray();
      for (std::size_t i = 0; i < items.size(); ++i) check(schema["items"], items[i], json::joinPath(path, i));
    }
  }

 private:
  static bool hasType(std::string_view type, const Value& value) {
    if (type == "string") return value.isString();
    if (type == "integer")
      return value.isInt() || (value.isDouble() && value.asDouble() == static_cast<double>(value.asInt()));
    if (type == "number") return value.isNumber();
    if (type == "boolean") return value.isBool();
    if (type == "array") return value.isArray();
    if (type == "object") return value.isObject();
    return true;
  }

  void typeError(const std::string& path, std::string_view wanted, const Value& value) {
    findings_.causes.push_back({"FieldValueTypeInvalid",
                                fmt::format("Invalid value: \"{}\": must be of type {}: \"{}\"", toString(value.kind()),
                                            wanted, toString(value.kind())),
                                path});
  }

  void checkEnum(const Value& schema, const Value& value, const std::string& path) {
    const auto& allowed = schema["enum"].asArray();
    if (allowed.empty() || std::ranges::find(allowed, value) != allowed.end()) return;
    std::string list;
    for (const auto& one : allowed) list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", json::printValue(one));
    findings_.causes.push_back(
        {"FieldValueNotSupported",
         fmt::format("Unsupported value: {}: supported values: {}", json::serialize(value), list), path});
  }

  void checkBounds(const Value& schema, const Value& value, const std::string& path) {
    const auto invalid = [&](const std::string& rule) {
      findings_.causes.push_back(
          {.message = fmt::format("Invalid value: {}: {}", json::serialize(value), rule), .field = path});
    };
    const auto &minimum = schema["minimum"], &maximum = schema["maximum"];
    if (value.isNumber() && minimum.isNumber() && value.asDouble() < minimum.asDouble()) {
      invalid(fmt::format("must be greater than or equal to {}", json::printValue(minimum)));
    }
    if (value.isNumber() && maximum.isNumber() && value.asDouble() > maximum.asDouble()) {
      invalid(fmt::format("must be less than or equal to {}", json::printValue(maximum)));
    }
  }

  void checkObject(const Value& schema, Value& value, const std::string& path) {
    const auto& properties = schema["properties"];
    const auto& others = schema["additionalProperties"];
    const bool open = schema["x-kubernetes-preserve-unknown-fields"].asBool() || others.asBool() ||
                      (properties.isNull() && others.isNull());
    auto& object = *value.ifObject();
    for (const auto& [name, property] : properties.asObject()) {
      if (!property["default"].isNull() && !object.contains(name)) object.set(name, property["default"]);
    }
    std::vector<std::string> gone;
    for (auto& [name, member] : object) {
      const auto place = json::joinPath(path, name);
      if (const auto& property = properties[name]; !property.isNull()) {
        if (member.isNull()) {
          if (!property["nullable"].asBool()) gone.push_back(name);
        } else {
          check(property, member, place);
        }
      } else if (others.isObject()) {
        check(others, member, place);
      } else if (!open) {
        findings_.unknown_fields.push_back(place);
        if (unknown_ == Unknown::kPrune) gone.push_back(name);
      }
    }
    for (const auto& name : gone) object.erase(name);
    for (const auto& required : schema["required"].asArray()) {
      if (object.contains(required.asStringView())) continue;
      findings_.causes.push_back(
          {"FieldValueRequired", "Required value", json::joinPath(path, required.asStringView())});
    }
  }

  Unknown unknown_;
  SchemaFindings& findings_;
};

}  // namespace

void checkSchema(const Kind& kind, Value& object, SchemaFindings& findings) {
  Value metadata = std::move(object["metadata"]);
  object["metadata"] = Object();
  Checker(kind.custom ? Unknown::kPrune : Unknown::kKeep, findings).check(*kind.schema, object, "");
  object["metadata"] = std::move(metadata);
}

}  // namespace towpath::apiserver
