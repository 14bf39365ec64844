#pragma once
// The regular expressions of `matches` and of rules that name metrics: RE2's (github.com/google/re2/wiki/Syntax), as in
// Go. Linear in the text and bounded in memory: conditions come from any tenant, and what they look at from anywhere.

#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "engine/expr/budget.h"

namespace towpath::expr {

inline constexpr std::size_t kMaxPatternMemory = std::size_t{1} << 20;  // bytes, compiled and while it runs

// Whether there is such a pattern; kInvalid with what is wrong if not.
Result<void> checkPattern(std::string_view pattern);
// Whether the pattern is found anywhere in the text.
Result<bool> matches(std::string_view text, std::string_view pattern, Budget& budget);

}  // namespace towpath::expr
