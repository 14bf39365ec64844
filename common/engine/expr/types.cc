#include "engine/expr/types.h"

#include <array>

#include "engine/expr/temporal.h"

namespace towpath::expr {
namespace {

Type typeOfTemporal(const Temporal& temporal) {
  // In the order of its content.
  constexpr std::array<TypeKind, 5> kKinds = {TypeKind::kTime, TypeKind::kDuration, TypeKind::kLocation,
                                              TypeKind::kMonth, TypeKind::kWeekday};
  static_assert(kKinds.size() == std::variant_size_v<Temporal::Content>);
  return {kKinds[temporal.content().index()]};
}

}  // namespace

Type typeOf(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return {TypeKind::kNil};
    case Value::Kind::kBool:
      return {TypeKind::kBool};
    case Value::Kind::kInt:
      return {TypeKind::kInt};
    case Value::Kind::kDouble:
      return {TypeKind::kFloat};
    case Value::Kind::kString:
      return {TypeKind::kString};
    case Value::Kind::kArray:
      return {TypeKind::kList};
    case Value::Kind::kObject:
      return {TypeKind::kMap};
    case Value::Kind::kOpaque:
      break;
  }
  const Temporal* const temporal = temporalIn(value);
  return temporal != nullptr ? typeOfTemporal(*temporal) : Type{};
}

std::string toString(const Type& type) {
  switch (type.kind) {
    case TypeKind::kUnknown:
      return "unknown";
    case TypeKind::kNil:
      return "nil";
    case TypeKind::kBool:
      return "bool";
    case TypeKind::kInt:
      return "int";
    case TypeKind::kFloat:
      return "float64";
    case TypeKind::kString:
      return "string";
    case TypeKind::kList:
      return "[]" + (type.element == TypeKind::kUnknown ? std::string("interface {}") : toString(Type{type.element}));
    case TypeKind::kMap:
      return "map[string]interface {}";
    case TypeKind::kLocation:
      return "*time.Location";
    case TypeKind::kTime:
    case TypeKind::kDuration:
    case TypeKind::kMonth:
    case TypeKind::kWeekday:
      return std::string(temporalName(type.kind));
  }
  return "unknown";
}

// A zone is behind a pointer in the peer's Go, which is not part of the name here.
std::string_view temporalName(TypeKind kind) {
  switch (kind) {
    case TypeKind::kTime:
      return "time.Time";
    case TypeKind::kDuration:
      return "time.Duration";
    case TypeKind::kLocation:
      return "time.Location";
    case TypeKind::kMonth:
      return "time.Month";
    case TypeKind::kWeekday:
      return "time.Weekday";
    default:
      return "";
  }
}

bool comparable(const Type& left, const Type& right) {
  if (left.isUnknown() || right.isUnknown()) return true;
  if (left.kind == TypeKind::kNil || right.kind == TypeKind::kNil) return true;
  return left.kind == right.kind || (left.isNumber() && right.isNumber());
}

}  // namespace towpath::expr
