#pragma once
// Finds what cannot be right whatever is measured, or whatever of a type is measured: "result == '5'" for a number.

#include "base/error.h"
#include "engine/expr/node.h"
#include "engine/expr/types.h"

namespace towpath::expr {

// The type of the whole. kInvalid with the place, "1:8: invalid operation: == (mismatched types float64 and string)".
Result<Type> check(const Node& root, const Type& result);

}  // namespace towpath::expr
