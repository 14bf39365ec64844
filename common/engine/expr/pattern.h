#pragma once
// The regular expressions of `matches`, bounded in pattern, repetitions and text, and linear in the text (no
// backtracking): conditions come from any tenant, and what they look at from anywhere.

#include <string_view>

#include "base/error.h"
#include "engine/expr/budget.h"

namespace towpath::expr {

inline constexpr std::size_t kMaxPattern = 256;        // bytes
inline constexpr std::size_t kMaxWrittenOut = 2048;    // bytes, times what the counts {n,m} multiply to
inline constexpr std::size_t kMaxMatchedText = 16384;  // bytes

// Whether there is such a pattern; kInvalid with the mend if not.
Result<void> checkPattern(std::string_view pattern);
// Whether the pattern is found anywhere in the text.
Result<bool> matches(std::string_view text, std::string_view pattern, Budget& budget);

}  // namespace towpath::expr
