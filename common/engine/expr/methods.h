#pragma once
// The methods that values have: those of times, durations, zones, months and days of the week. No other value has any.

#include <string_view>

#include "engine/expr/builtins.h"
#include "engine/expr/types.h"

namespace towpath::expr {

// Null if values of that type have no method of that name. The first argument is the value itself.
const Builtin* findMethod(const Type& owner, std::string_view name);

}  // namespace towpath::expr
