#include "api/go_fields.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "base/assert.h"
#include "base/quantity.h"
#include "base/time.h"
#include "json/serialize.h"

namespace towpath::api {

namespace {

enum class GoKind { kString, kInt, kBool, kIntOrString, kQuantity, kTime, kAny, kPointer, kList, kMap, kStruct };

struct GoStruct;

struct GoType {
  GoKind kind = GoKind::kString;
  const GoType* element = nullptr;  // of a pointer, list or map
  const GoStruct* structure = nullptr;
};

struct GoField {
  std::string_view name;
  const GoType* type = nullptr;
  bool is_always_written = false;
};

struct GoStruct {
  std::vector<GoField> fields;
};

// The table as text, resolved once.
class GoTypes {
 public:
  GoTypes() {
    std::string_view text = kGoFields;
    GoStruct* current = nullptr;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      addLine(text.substr(0, end), current);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    for (const char* root : {"PodTemplateSpec", "[]CanaryStep"}) add(root);
  }

  const GoType* find(std::string_view name) const {
    const auto found = types_.find(name);
    return found == types_.end() ? nullptr : found->second.get();
  }

 private:
  const GoType* add(std::string_view name) {
    const auto found = types_.find(name);
    if (found != types_.end()) return found->second.get();
    GoType* type = types_.emplace(name, std::make_unique<GoType>()).first->second.get();
    resolve(name, *type);
    return type;
  }

  void addLine(std::string_view line, GoStruct*& current) {
    const bool continues = line.starts_with(' ');
    while (!line.empty()) {
      const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
      line.remove_prefix(begin);
      const std::size_t end = std::min(line.find(' '), line.size());
      const std::string_view word = line.substr(0, end);
      line.remove_prefix(end);
      const std::size_t colon = word.find(':');
      if (colon == std::string_view::npos) {
        if (!continues && !word.empty()) current = structure(word);
        continue;
      }
      std::string_view name = word.substr(0, colon);
      const bool is_always_written = name.ends_with('!');
      if (is_always_written) name.remove_suffix(1);
      current->fields.push_back({name, add(word.substr(colon + 1)), is_always_written});
    }
  }

  GoStruct* structure(std::string_view name) {
    std::unique_ptr<GoStruct>& slot = structs_[name];
    if (!slot) slot = std::make_unique<GoStruct>();
    return slot.get();
  }

  void resolve(std::string_view name, GoType& type) {
    static constexpr std::pair<std::string_view, GoKind> kPlain[] = {{"string", GoKind::kString},
                                                                     {"int", GoKind::kInt},
                                                                     {"bool", GoKind::kBool},
                                                                     {"int-or-string", GoKind::kIntOrString},
                                                                     {"quantity", GoKind::kQuantity},
                                                                     {"time", GoKind::kTime},
                                                                     {"any", GoKind::kAny}};
    static constexpr std::pair<std::string_view, GoKind> kPrefixes[] = {
        {"*", GoKind::kPointer}, {"[]", GoKind::kList}, {"{}", GoKind::kMap}};
    for (const auto& [plain, kind] : kPlain) {
      if (name == plain) {
        type.kind = kind;
        return;
      }
    }
    for (const auto& [prefix, kind] : kPrefixes) {
      if (name.starts_with(prefix)) {
        type.kind = kind;
        type.element = add(name.substr(prefix.size()));
        return;
      }
    }
    type.kind = GoKind::kStruct;
    type.structure = structure(name);
  }

  // The names are views into the table and into literals.
  std::unordered_map<std::string_view, std::unique_ptr<GoType>> types_;
  std::unordered_map<std::string_view, std::unique_ptr<GoStruct>> structs_;
};

// A value of a wrong kind reads as if it were absent.
const Value& fitting(const Value& value, const GoType& type) {
  const auto fits = [&] {
    switch (type.kind) {
      case GoKind::kString:
        return value.isString();
      case GoKind::kInt:
        return value.isInt() || (value.isDouble() && value == Value(static_cast<long long>(value.asInt())));
      case GoKind::kBool:
        return value.isBool();
      case GoKind::kIntOrString:
        return value.isInt() || value.isString();
      case GoKind::kQuantity:
        return value.isString() || value.isNumber();
      case GoKind::kTime:
        return value.isString();
      case GoKind::kAny:
        return true;
      case GoKind::kPointer:
        return true;
      case GoKind::kList:
        return value.isArray();
      case GoKind::kMap:
      case GoKind::kStruct:
        return value.isObject();
    }
    return false;
  };
  if (type.kind == GoKind::kPointer) return fitting(value, *type.element);
  return fits() ? value : Value::null();
}

// What `omitempty` leaves out.
bool isEmpty(const Value& value, const GoType& type) {
  switch (type.kind) {
    case GoKind::kString:
      return value.asStringView().empty();
    case GoKind::kInt:
      return value.asInt() == 0;
    case GoKind::kBool:
      return !value.asBool();
    case GoKind::kList:
      return value.asArray().empty();
    case GoKind::kMap:
      return value.asObject().empty();
    case GoKind::kTime:  // its one use is `omitzero`
    case GoKind::kAny:
    case GoKind::kPointer:
      return value.isNull();
    case GoKind::kIntOrString:
    case GoKind::kQuantity:
    case GoKind::kStruct:
      return false;
  }
  return false;
}

void append(const Value& given, const GoType& type, std::string& out);

void appendStruct(const Value& value, const GoStruct& structure, std::string& out) {
  out += '{';
  const std::size_t begin = out.size();
  for (const GoField& field : structure.fields) {
    const Value* given = value.asObject().find(field.name);
    const Value& member = given ? fitting(*given, *field.type) : Value::null();
    // Raw JSON keeps even a null.
    const bool is_raw = given && field.type->kind == GoKind::kAny;
    if (!field.is_always_written && !is_raw && isEmpty(member, *field.type)) continue;
    if (out.size() > begin) out += ',';
    out += '"';
    out += field.name;
    out += "\":";
    append(member, *field.type, out);
  }
  out += '}';
}

void appendMap(const Object& object, const GoType& element, std::string& out) {
  std::vector<const Object::Member*> members;
  members.reserve(object.size());
  for (const Object::Member& member : object) members.push_back(&member);
  std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
  out += '{';
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i > 0) out += ',';
    json::appendGoString(members[i]->key, out);
    out += ':';
    append(members[i]->value, element, out);
  }
  out += '}';
}

void appendList(const Array& array, const GoType& element, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i > 0) out += ',';
    append(array[i], element, out);
  }
  out += ']';
}

// Raw JSON inside a struct: sorted, as the API server stores it.
void appendAny(const Value& value, std::string& out) {
  static const GoType kAny{.kind = GoKind::kAny};
  if (const Object* object = value.ifObject()) return appendMap(*object, kAny, out);
  if (const Array* array = value.ifArray()) return appendList(*array, kAny, out);
  if (const std::string* text = value.ifString()) return json::appendGoString(*text, out);
  json::serializeTo(value, out);
}

void appendQuantity(const Value& value, std::string& out) {
  const std::string text = value.isString() ? value.asString() : value.isNumber() ? json::serialize(value) : "0";
  json::appendGoString(canonicalQuantity(text).value_or("0"), out);
}

void appendTime(const Value& value, std::string& out) {
  const std::optional<WallTime> time = parseRfc3339(value.asStringView());
  out += time ? '"' + formatRfc3339(*time) + '"' : "null";
}

void append(const Value& given, const GoType& type, std::string& out) {
  const Value& value = fitting(given, type);
  switch (type.kind) {
    case GoKind::kString:
      return json::appendGoString(value.asStringView(), out);
    case GoKind::kInt:
      out += std::to_string(value.asInt());
      return;
    case GoKind::kBool:
      out += value.asBool() ? "true" : "false";
      return;
    case GoKind::kIntOrString:
      if (value.isString()) return json::appendGoString(value.asStringView(), out);
      out += std::to_string(value.asInt());
      return;
    case GoKind::kQuantity:
      return appendQuantity(value, out);
    case GoKind::kTime:
      return appendTime(value, out);
    case GoKind::kAny:
      return appendAny(value, out);
    case GoKind::kStruct:
      return appendStruct(value, *type.structure, out);
    case GoKind::kPointer:
    case GoKind::kList:
    case GoKind::kMap:
      break;
  }
  if (value.isNull()) {
    out += "null";
  } else if (type.kind == GoKind::kPointer) {
    append(value, *type.element, out);
  } else if (type.kind == GoKind::kList) {
    appendList(value.asArray(), *type.element, out);
  } else {
    appendMap(value.asObject(), *type.element, out);
  }
}

}  // namespace

void appendAsGo(const Value& value, std::string_view type, std::string& out) {
  static const GoTypes kTypes;
  const GoType* found = kTypes.find(type);
  TOWPATH_ASSERT(found, "the types that callers name are in the table");
  append(value, *found, out);
}

}  // namespace towpath::api
