#pragma once
// The functions that ask something of each element of a list: all, filter, reduce and their like.

#include <functional>

#include "base/error.h"
#include "base/value.h"
#include "engine/expr/budget.h"
#include "engine/expr/held.h"

namespace towpath::expr {

// The element that a predicate looks at.
struct Element {
  const Value* value = nullptr;        // #
  std::size_t index = 0;               // #index
  const Value* accumulated = nullptr;  // #acc, of reduce
};

// What the predicate says of the element. What it gives is lent by the list, or by the accumulated value.
using Ask = std::function<Result<Held>(const Element& element)>;

struct Asking {
  std::string_view function;
  const Array& list;
  const Ask& ask;                // null for count(list) and sum(list)
  const Value* third = nullptr;  // reduce's first value, sortBy's order
  Budget& budget;
};

Result<Value> applyPredicate(const Asking& asking);

}  // namespace towpath::expr
