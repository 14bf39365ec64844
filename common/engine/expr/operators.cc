#include "engine/expr/operators.h"

#include <algorithm>
#include <cmath>

#include "engine/expr/builtins.h"
#include "engine/expr/pattern.h"
#include "engine/expr/temporal.h"

namespace towpath::expr {
namespace {

std::unexpected<Error> mismatch(std::string_view op, const Value& left, const Value& right) {
  return fail(ErrorKind::kInvalid,
              fmt::format("invalid operation: {} (mismatched types {} and {})", op, typeName(left), typeName(right)));
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
  if (const std::optional<int> order = compareTemporal(left, right)) return Value(ordered(op, *order, 0));
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

Result<Value> arithmetic(std::string_view op, const Value& left, const Value& right, Budget& budget) {
  if (op == "+" && left.isString() && right.isString()) {
    const std::size_t size = left.asStringView().size() + right.asStringView().size();
    if (Result<void> room = budget.room(textUnits(size)); !room) return std::unexpected(room.error());
    return Value(left.asString() + right.asString());
  }
  if (std::optional<Result<Value>> made = combine(op, left, right)) return std::move(*made);
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
  // Nil is looked up as the empty key.
  if (right.isObject() && (left.isString() || left.isNull())) {
    return Value(right.asObject().contains(left.asStringView()));
  }
  return mismatch("in", left, right);
}

Result<Value> text(std::string_view op, const Value& left, const Value& right, Budget& budget) {
  if (left.isNull() || right.isNull()) return Value(false);
  if (!left.isString() || !right.isString()) return mismatch(op, left, right);
  const std::string_view a = left.asStringView();
  const std::string_view b = right.asStringView();
  if (op == "contains") return Value(a.find(b) != std::string_view::npos);
  if (op == "startsWith") return Value(a.starts_with(b));
  if (op == "endsWith") return Value(a.ends_with(b));
  const Result<bool> found = matches(a, b, budget);
  if (!found) return std::unexpected(found.error());
  return Value(*found);
}

// 1..3 is [1, 2, 3], and 3..1 is [].
Result<Value> range(const Value& left, const Value& right, Budget& budget) {
  const std::optional<std::int64_t> first = wholeOf(left);
  const std::optional<std::int64_t> last = wholeOf(right);
  if (!first || !last) return mismatch("..", left, right);
  Array out;
  if (*first > *last) return Value(std::move(out));
  const std::uint64_t count = static_cast<std::uint64_t>(*last) - static_cast<std::uint64_t>(*first);
  if (Result<void> room = budget.room(static_cast<std::size_t>(count)); !room) return std::unexpected(room.error());
  for (std::uint64_t i = 0; i <= count; ++i) {
    out.push_back(Value(static_cast<long long>(*first + static_cast<std::int64_t>(i))));
  }
  return Value(std::move(out));
}

// What a comparison of the trees may cost; the members of maps are looked up one by one.
std::size_t comparing(const Value& value) {
  std::size_t cost = breadth(value);
  for (const Value& element : value.asArray()) cost += comparing(element);
  for (const Object::Member& member : value.asObject()) cost += value.asObject().size() / 8 + comparing(member.value);
  return cost;
}

std::size_t costOf(std::string_view op, const Value& left, const Value& right) {
  if (op == "==" || op == "!=") return left.kind() == right.kind() ? comparing(left) : 1;
  if (op == "in") return comparing(right) + breadth(left);
  return breadth(left) + breadth(right);
}

}  // namespace

// NaN equals nothing, whatever the comparison of trees says.
bool equal(const Value& left, const Value& right) {
  if (left.isNumber() && right.isNumber()) {
    if (left.isInt() && right.isInt()) return left.asInt() == right.asInt();
    return left.asDouble() == right.asDouble();
  }
  return left == right;
}

std::optional<std::int64_t> wholeOf(const Value& value) {
  if (const std::int64_t* const whole = value.ifInt()) return *whole;
  const double* const real = value.ifDouble();
  if (real == nullptr || !(std::abs(*real) < 9.2e18)) return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

Result<Value> applyBinary(std::string_view op, const Value& left, const Value& right, Budget& budget) {
  if (Result<void> done = budget.work(costOf(op, left, right)); !done) return std::unexpected(done.error());
  if (op == "==") return Value(equal(left, right));
  if (op == "!=") return Value(!equal(left, right));
  if (isOrdering(op)) return compare(op, left, right);
  if (op == "in") return isIn(left, right);
  if (op == "..") return range(left, right, budget);
  if (op == "contains" || op == "startsWith" || op == "endsWith" || op == "matches") {
    return text(op, left, right, budget);
  }
  return arithmetic(op, left, right, budget);
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

Result<const Value*> find(const Value& owner, const Value& key) {
  if (owner.isObject() && key.isString()) {
    const Value* const found = owner.asObject().find(key.asStringView());
    return found != nullptr ? found : &Value::null();
  }
  const std::optional<std::int64_t> place = wholeOf(key);
  if (owner.isArray() && place) {
    const std::int64_t size = std::ssize(owner.asArray());
    const std::int64_t at = *place < 0 ? *place + size : *place;
    if (at >= 0 && at < size) return &owner.asArray()[static_cast<std::size_t>(at)];
    return fail(ErrorKind::kInvalid, fmt::format("index out of range: {} (list length is {})", *place, size));
  }
  const std::string name = key.isString() ? key.asString() : std::string(typeName(key));
  return fail(ErrorKind::kInvalid, fmt::format("cannot fetch {} from {}", name, typeName(owner)));
}

Result<Value> fetch(const Value& owner, const Value& key) {
  const Result<const Value*> found = find(owner, key);
  if (!found) return std::unexpected(found.error());
  return **found;
}

Result<Value> slice(const Value& owner, const Value& from, const Value& to) {
  if (!owner.isArray() && !owner.isString()) {
    return fail(ErrorKind::kInvalid, fmt::format("cannot slice {}", typeName(owner)));
  }
  for (const Value* bound : {&from, &to}) {
    if (bound->isNull() || wholeOf(*bound)) continue;
    return fail(ErrorKind::kInvalid, fmt::format("non-integer slice index {}", typeName(*bound)));
  }
  const std::int64_t size = owner.isArray() ? std::ssize(owner.asArray()) : std::ssize(owner.asStringView());
  const auto place = [&](const Value& bound, std::int64_t otherwise) {
    const std::int64_t at = wholeOf(bound).value_or(otherwise);
    return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size);
  };
  const std::int64_t end = place(to, size);
  const std::int64_t start = std::min(place(from, 0), end);
  if (owner.isArray()) return Value(Array(owner.asArray().begin() + start, owner.asArray().begin() + end));
  return Value(owner.asStringView().substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start)));
}

}  // namespace towpath::expr
