#pragma once
// What the operators do with two values that are known.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/value.h"
#include "engine/expr/budget.h"

namespace towpath::expr {

// All binary operators but && || ??, which may leave out their right side.
Result<Value> applyBinary(std::string_view op, const Value& left, const Value& right, Budget& budget);
Result<Value> applyUnary(std::string_view op, const Value& operand);

// NaN equals nothing; 1 equals 1.0.
bool equal(const Value& left, const Value& right);
// The whole part of a number: where the peer's language wants a whole number, it also takes a real one that it knew no
// type of before. Nothing for what is no number, or too large.
std::optional<std::int64_t> wholeOf(const Value& value);
// owner[key]: a missing key of a map is nil, a place outside a list an error.
Result<Value> fetch(const Value& owner, const Value& key);
// The same, found in the owner without a copy.
Result<const Value*> find(const Value& owner, const Value& key);
// owner[from:to], of a list or the bytes of a string; nil is a bound that was left out, negative ones count from the
// end, and what lies outside is cut off.
Result<Value> slice(const Value& owner, const Value& from, const Value& to);

}  // namespace towpath::expr
