#include "engine/expr/operators.h"

#include <cmath>

#include "engine/expr/builtins.h"

namespace towpath::expr {
namespace {

std::unexpected<Error> mismatch(std::string_view op, const Value& left, const Value& right) {
  return fail(ErrorKind::kInvalid,
              fmt::format("invalid operation: {} (mismatched types {} and {})", op, typeName(left), typeName(right)));
}

// NaN equals nothing, whatever the comparison of trees says.
bool equal(const Value& left, const Value& right) {
  if (left.isNumber() && right.isNumber()) {
    if (left.isInt() && right.isInt()) return left.asInt() == right.asInt();
    return left.asDouble() == right.asDouble();
  }
  return left == right;
}

bool isOrdering(std::string_view op) { return op == "<" || op == ">" || op == "<=" || op == ">="; }

template <class T>
bool ordered(std::string_view op, const T& left, const T& right) {
  if (op == "<") return left < right;
  if (op == ">") return left > right;
  if (op == "<=") return left <= right;
  return left >= right;
}

Result<Value> compare(std::string_view op, const Value& left, const Value& right) {
  if (left.isInt() && right.isInt()) return Value(ordered(op, left.asInt(), right.asInt()));
  if (left.isNumber() && right.isNumber()) return Value(ordered(op, left.asDouble(), right.asDouble()));
  if (left.isString() && right.isString()) return Value(ordered(op, left.asStringView(), right.asStringView()));
  return mismatch(op, left, right);
}

Result<Value> integers(std::string_view op, const Value& left, const Value& right) {
  const std::int64_t a = left.asInt();
  const std::int64_t b = right.asInt();
  std::int64_t out = 0;
  bool overflow = false;
  if (op == "+") overflow = __builtin_add_overflow(a, b, &out);
  if (op == "-") overflow = __builtin_sub_overflow(a, b, &out);
  if (op == "*") overflow = __builtin_mul_overflow(a, b, &out);
  if (op == "%") {
    if (b == 0) return fail(ErrorKind::kInvalid, "integer divide by zero");
    out = b == -1 ? 0 : a % b;
  }
  if (overflow) return fail(ErrorKind::kInvalid, fmt::format("the result of {} is out of range", op));
  return Value(static_cast<long long>(out));
}

Result<Value> arithmetic(std::string_view op, const Value& left, const Value& right) {
  if (op == "+" && left.isString() && right.isString()) return Value(left.asString() + right.asString());
  if (!left.isNumber() || !right.isNumber()) return mismatch(op, left, right);
  const double a = left.asDouble();
  const double b = right.asDouble();
  if (op == "/") return Value(a / b);  // always real: 7 / 2 is 3.5, and x / 0 infinite
  if (op == "**") return Value(std::pow(a, b));
  if (left.isInt() && right.isInt()) return integers(op, left, right);
  if (op == "+") return Value(a + b);
  if (op == "-") return Value(a - b);
  if (op == "*") return Value(a * b);
  return mismatch(op, left, right);  // % of reals
}

Result<Value> isIn(const Value& left, const Value& right) {
  if (right.isNull()) return Value(false);
  if (right.isArray()) {
    return Value(std::ranges::any_of(right.asArray(), [&](const Value& element) { return equal(left, element); }));
  }
  if (right.isObject() && left.isString()) return Value(right.asObject().contains(left.asStringView()));
  return mismatch("in", left, right);
}

Result<Value> text(std::string_view op, const Value& left, const Value& right) {
  if (!left.isString() || !right.isString()) return mismatch(op, left, right);
  const std::string_view a = left.asStringView();
  const std::string_view b = right.asStringView();
  if (op == "contains") return Value(a.find(b) != std::string_view::npos);
  if (op == "startsWith") return Value(a.starts_with(b));
  if (op == "endsWith") return Value(a.ends_with(b));
  return fail(ErrorKind::kUnsupported, fmt::format("the operator {} is not supported", op));
}

}  // namespace

Result<Value> applyBinary(std::string_view op, const Value& left, const Value& right) {
  if (op == "==") return Value(equal(left, right));
  if (op == "!=") return Value(!equal(left, right));
  if (isOrdering(op)) return compare(op, left, right);
  if (op == "in") return isIn(left, right);
  if (op == "contains" || op == "startsWith" || op == "endsWith" || op == "matches") return text(op, left, right);
  return arithmetic(op, left, right);
}

Result<Value> applyUnary(std::string_view op, const Value& operand) {
  if (op == "!") {
    if (const bool* flag = operand.ifBool()) return Value(!*flag);
  } else if (operand.isNumber()) {
    if (op == "+") return operand;
    if (operand.isInt()) return integers("-", Value(0), operand);
    return Value(-operand.asDouble());
  }
  return fail(ErrorKind::kInvalid, fmt::format("invalid operation: {} (type {})", op, typeName(operand)));
}

}  // namespace towpath::expr
