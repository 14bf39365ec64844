#pragma once
// What a plain (unquoted) YAML scalar means to kubectl: the words of YAML 1.1 for true, false and null, integers in
// four bases with underscores, decimals, infinities; anything else is a string. Internal to json/.

#include <string_view>

#include "base/value.h"

namespace towpath::json {

// An infinity or NaN comes back as such a double; what to do about it is the caller's choice.
Value resolvePlainScalar(std::string_view text);

// Whether some YAML reader would take the bare text for something other than this string, be it kubectl, a reader of
// timestamps or one of base-60 numbers ("12:30").
bool needsQuotes(std::string_view text);

}  // namespace towpath::json
