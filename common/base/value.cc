#include "base/value.h"

#include <algorithm>
#include <cmath>

namespace towpath {

Object::Object() = default;
Object::~Object() = default;
Object::Object(const Object& other) = default;
Object::Object(Object&& other) noexcept = default;
Object& Object::operator=(const Object& other) = default;
Object& Object::operator=(Object&& other) noexcept = default;
Object::Object(std::initializer_list<Member> members) : members_(members) {}
Object::Object(std::vector<Member> members) : members_(std::move(members)) {}

const Value* Object::find(std::string_view key) const {
  for (const Member& member : members_) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

Value* Object::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

Value& Object::operator[](std::string_view key) {
  if (Value* found = find(key)) return *found;
  return members_.emplace_back(Member{std::string(key), Value()}).value;
}

void Object::set(std::string_view key, Value value) { (*this)[key] = std::move(value); }

bool Object::erase(std::string_view key) {
  const auto at = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.key == key; });
  if (at == members_.end()) return false;
  members_.erase(at);
  return true;
}

void Object::append(std::string key, Value value) { members_.push_back(Member{std::move(key), std::move(value)}); }

void Object::reserve(std::size_t count) { members_.reserve(count); }

bool Value::asBool(bool otherwise) const {
  const bool* value = ifBool();
  return value ? *value : otherwise;
}

std::int64_t Value::asInt(std::int64_t otherwise) const {
  if (const std::int64_t* value = ifInt()) return *value;
  const double* value = ifDouble();
  // Beyond 2^63 the cast is undefined; such a number is no integer for us.
  if (value && std::trunc(*value) == *value && std::fabs(*value) < 9.2e18) return static_cast<std::int64_t>(*value);
  return otherwise;
}

double Value::asDouble(double otherwise) const {
  if (const double* value = ifDouble()) return *value;
  if (const std::int64_t* value = ifInt()) return static_cast<double>(*value);
  return otherwise;
}

std::string_view Value::asStringView(std::string_view otherwise) const {
  const std::string* value = ifString();
  return value ? std::string_view(*value) : otherwise;
}

const Array& Value::asArray() const {
  static const Array kEmpty;
  const Array* value = ifArray();
  return value ? *value : kEmpty;
}

const Object& Value::asObject() const {
  static const Object kEmpty;
  const Object* value = ifObject();
  return value ? *value : kEmpty;
}

Object& Value::makeObject() {
  if (!isObject()) data_ = Object();
  return std::get<Object>(data_);
}

Array& Value::makeArray() {
  if (!isArray()) data_ = Array();
  return std::get<Array>(data_);
}

const Value& Value::operator[](std::string_view key) const {
  const Object* object = ifObject();
  const Value* found = object ? object->find(key) : nullptr;
  return found ? *found : null();
}

const Value& Value::operator[](std::size_t index) const {
  const Array* array = ifArray();
  return array && index < array->size() ? (*array)[index] : null();
}

const Value& Value::at(std::initializer_list<std::string_view> path) const {
  const Value* value = this;
  for (const std::string_view key : path) value = &(*value)[key];
  return *value;
}

Value& Value::mutableAt(std::initializer_list<std::string_view> path) {
  Value* value = this;
  for (const std::string_view key : path) value = &value->makeObject()[key];
  return *value;
}

bool Value::eraseAt(std::initializer_list<std::string_view> path) {
  if (path.size() == 0) return false;
  Value* value = this;
  for (auto key = path.begin(); key + 1 != path.end(); ++key) {
    Object* object = value->ifObject();
    value = object ? object->find(*key) : nullptr;
    if (!value) return false;
  }
  Object* object = value->ifObject();
  return object && object->erase(*(path.end() - 1));
}

const Value& Value::null() {
  static const Value kNull;
  return kNull;
}

bool operator==(const Object& a, const Object& b) {
  if (a.size() != b.size()) return false;
  return std::all_of(a.begin(), a.end(), [&](const Object::Member& member) {
    const Value* other = b.find(member.key);
    return other && member.value == *other;
  });
}

bool operator==(const Value& a, const Value& b) {
  if (a.isNumber() && b.isNumber()) {
    if (a.isInt() && b.isInt()) return *a.ifInt() == *b.ifInt();
    return a.asDouble() == b.asDouble();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::kNull:
      return true;
    case Value::Kind::kBool:
      return *a.ifBool() == *b.ifBool();
    case Value::Kind::kString:
      return *a.ifString() == *b.ifString();
    case Value::Kind::kArray:
      return *a.ifArray() == *b.ifArray();
    case Value::Kind::kObject:
      return *a.ifObject() == *b.ifObject();
    case Value::Kind::kOpaque:
      return a.ifOpaque()->equals(*b.ifOpaque());
    case Value::Kind::kInt:
    case Value::Kind::kDouble:
      break;  // compared above
  }
  return false;
}

const char* toString(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return "boolean";
    case Value::Kind::kInt:
      return "integer";
    case Value::Kind::kDouble:
      return "number";
    case Value::Kind::kString:
      return "string";
    case Value::Kind::kArray:
      return "array";
    case Value::Kind::kObject:
      return "object";
    case Value::Kind::kOpaque:
      return "opaque";
  }
  return "null";
}

}  // namespace towpath
