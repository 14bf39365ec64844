#include "engine/expr/types.h"

namespace towpath::expr {

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
  }
  return {};
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
  }
  return "unknown";
}

bool comparable(const Type& left, const Type& right) {
  if (left.isUnknown() || right.isUnknown()) return true;
  if (left.kind == TypeKind::kNil || right.kind == TypeKind::kNil) return true;
  return left.kind == right.kind || (left.isNumber() && right.isNumber());
}

}  // namespace towpath::expr
