#pragma once
// One evaluation of a tree that was checked.

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "engine/expr/node.h"

namespace towpath::expr {

// The error names line and column of the innermost part that failed.
Result<Value> evaluateTree(const Node& root, const Value& result, WallTime now);

}  // namespace towpath::expr
