#pragma once
// What the operators do with two values that are known.

#include <string_view>

#include "base/error.h"
#include "base/value.h"

namespace towpath::expr {

// All binary operators but && || ??, which may leave out their right side.
Result<Value> applyBinary(std::string_view op, const Value& left, const Value& right);
Result<Value> applyUnary(std::string_view op, const Value& operand);

}  // namespace towpath::expr
