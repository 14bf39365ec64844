#pragma once
// The static types of conditions. The peer compiles a condition against the type of what was measured, so that some
// mistakes are errors even where they would not be reached: these are the types it tells apart.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/value.h"

namespace towpath::expr {

enum class TypeKind : std::uint8_t {
  kUnknown,
  kNil,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kMap,
  kTime,
  kDuration,
  kLocation,
  kMonth,
  kWeekday
};

struct Type {
  TypeKind kind = TypeKind::kUnknown;
  TypeKind element = TypeKind::kUnknown;  // of a kList

  bool operator==(const Type&) const = default;
  bool isUnknown() const { return kind == TypeKind::kUnknown; }
  bool isNumber() const { return kind == TypeKind::kInt || kind == TypeKind::kFloat; }
  // Of that kind, or it may turn out to be.
  bool mayBe(TypeKind wanted) const { return isUnknown() || kind == wanted; }
  bool mayBeNumber() const { return isUnknown() || isNumber(); }
};

// Elements and members are unknown, as those of a JSON document are to the peer.
Type typeOf(const Value& value);
// As the peer prints it: "float64", "[]float64", "[]interface {}", "map[string]interface {}", "time.Time",
// "nil", "unknown".
std::string toString(const Type& type);
// Of a time, a duration and their like, as type() gives it: "time.Time", …; empty for the others.
std::string_view temporalName(TypeKind kind);
// Whether == between them can be true.
bool comparable(const Type& left, const Type& right);

}  // namespace towpath::expr
