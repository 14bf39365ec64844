#pragma once
// Value: a tree of plain data (null, bool, integer, double, string, array, object). What JSON and YAML are read into,
// what objects of the API are kept as, and what the conditions of an analysis look at. It knows no text format: json/
// does. Objects keep the order in which members were added, so that what a user wrote comes back as it was written.
// Whoever computes with more than plain data (the times of a condition) brings it in as an Opaque.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace towpath {

class Value;
using Array = std::vector<Value>;

// Members in insertion order. Look-up is linear: objects of this API have few members; the parser bounds their number.
class Object {
 public:
  struct Member;

  Object();
  ~Object();
  Object(const Object& other);
  Object(Object&& other) noexcept;
  Object& operator=(const Object& other);
  Object& operator=(Object&& other) noexcept;
  Object(std::initializer_list<Member> members);
  // Of members of which each has another key.
  explicit Object(std::vector<Member> members);

  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  // The member's value, added as null at the end if absent.
  Value& operator[](std::string_view key);
  void set(std::string_view key, Value value);
  // False if there was no such member. Keeps the order of the others.
  bool erase(std::string_view key);
  // Appends without looking for a duplicate: only for a builder that knows there is none.
  void append(std::string key, Value value);

  bool empty() const;
  std::size_t size() const;
  void reserve(std::size_t count);
  std::vector<Member>::const_iterator begin() const;
  std::vector<Member>::const_iterator end() const;
  std::vector<Member>::iterator begin();
  std::vector<Member>::iterator end();

 private:
  std::vector<Member> members_;
};

// What no document can hold, and only its maker knows more of. No reader gives one, and writers write null.
class Opaque {
 public:
  virtual ~Opaque() = default;
  virtual bool equals(const Opaque& other) const = 0;
  virtual std::string text() const = 0;  // for people
};

class Value {
 public:
  enum class Kind { kNull, kBool, kInt, kDouble, kString, kArray, kObject, kOpaque };

  Value() = default;
  Value(std::nullptr_t) {}
  Value(bool value) : data_(value) {}
  Value(int value) : data_(static_cast<std::int64_t>(value)) {}
  Value(long value) : data_(static_cast<std::int64_t>(value)) {}
  Value(long long value) : data_(static_cast<std::int64_t>(value)) {}
  Value(unsigned value) : data_(static_cast<std::int64_t>(value)) {}
  Value(double value) : data_(value) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(std::string_view value) : data_(std::string(value)) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(Array value) : data_(std::move(value)) {}
  Value(Object value) : data_(std::move(value)) {}
  // Shared by the copies of the value; nobody changes it.
  Value(std::shared_ptr<const Opaque> value) : data_(std::move(value)) {}

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool isNull() const { return kind() == Kind::kNull; }
  bool isBool() const { return kind() == Kind::kBool; }
  bool isInt() const { return kind() == Kind::kInt; }
  bool isDouble() const { return kind() == Kind::kDouble; }
  bool isNumber() const { return isInt() || isDouble(); }
  bool isString() const { return kind() == Kind::kString; }
  bool isArray() const { return kind() == Kind::kArray; }
  bool isObject() const { return kind() == Kind::kObject; }

  // Pointer to the content if it is of that kind, else nullptr.
  const bool* ifBool() const { return std::get_if<bool>(&data_); }
  const std::int64_t* ifInt() const { return std::get_if<std::int64_t>(&data_); }
  const double* ifDouble() const { return std::get_if<double>(&data_); }
  const std::string* ifString() const { return std::get_if<std::string>(&data_); }
  std::string* ifString() { return std::get_if<std::string>(&data_); }
  const Array* ifArray() const { return std::get_if<Array>(&data_); }
  Array* ifArray() { return std::get_if<Array>(&data_); }
  const Object* ifObject() const { return std::get_if<Object>(&data_); }
  Object* ifObject() { return std::get_if<Object>(&data_); }
  const Opaque* ifOpaque() const {
    const auto* const held = std::get_if<std::shared_ptr<const Opaque>>(&data_);
    return held != nullptr ? held->get() : nullptr;
  }

  // The content, or what is given if it is of another kind. asInt takes a double that is a whole number as well.
  bool asBool(bool otherwise = false) const;
  std::int64_t asInt(std::int64_t otherwise = 0) const;
  double asDouble(double otherwise = 0) const;
  std::string_view asStringView(std::string_view otherwise = {}) const;
  std::string asString(std::string_view otherwise = {}) const { return std::string(asStringView(otherwise)); }
  const Array& asArray() const;    // an empty one if it is not an array
  const Object& asObject() const;  // an empty one if it is not an object

  // Makes it an object (or array) if it is not one yet, and gives it back for writing.
  Object& makeObject();
  Array& makeArray();

  // Reading a path without fear: a missing member, a wrong kind or an index out of range reads as null.
  const Value& operator[](std::string_view key) const;
  const Value& operator[](std::size_t index) const;
  const Value& at(std::initializer_list<std::string_view> path) const;
  // Writing a path: objects on the way are made as needed.
  Value& operator[](std::string_view key) { return makeObject()[key]; }
  Value& mutableAt(std::initializer_list<std::string_view> path);
  // Removes the member at the end of the path; false if it was not there.
  bool eraseAt(std::initializer_list<std::string_view> path);

  static const Value& null();

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object, std::shared_ptr<const Opaque>>
      data_;
};

struct Object::Member {
  std::string key;
  Value value;
};

inline bool Object::empty() const { return members_.empty(); }
inline std::size_t Object::size() const { return members_.size(); }
inline std::vector<Object::Member>::const_iterator Object::begin() const { return members_.begin(); }
inline std::vector<Object::Member>::const_iterator Object::end() const { return members_.end(); }
inline std::vector<Object::Member>::iterator Object::begin() { return members_.begin(); }
inline std::vector<Object::Member>::iterator Object::end() { return members_.end(); }

// Deep equality. The order of members does not matter; 1 and 1.0 are equal.
bool operator==(const Value& a, const Value& b);
bool operator==(const Object& a, const Object& b);

// "null", "boolean", "integer", "number", "string", "array", "object", "opaque"
const char* toString(Value::Kind kind);

}  // namespace towpath
