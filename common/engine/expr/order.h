#pragma once
// The order in which sort and sortBy put values.

#include <span>
#include <string_view>

#include "base/error.h"
#include "base/value.h"

namespace towpath::expr {

// "asc" or "desc".
Result<bool> isDescending(std::string_view order);
// All numbers, strings, times or durations: nothing else has an order.
Result<void> checkSortable(std::string_view function, std::span<const Value> values);
// NaN goes before every number.
bool before(const Value& a, const Value& b);

}  // namespace towpath::expr
