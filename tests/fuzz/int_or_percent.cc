// maxSurge and its like: percentages read back, and shares of any total stay in order.

#include "base/int_or_percent.h"

#include "fuzz.h"

namespace towpath::fuzz {

void run(std::string_view input) {
  const Result<IntOrPercent> value = parsePercent(input);
  if (!value) return;
  const std::string text = toString(*value);
  require(parsePercent(text) == *value, text);
  for (const std::int32_t total : {0, 1, 3, 10, 99, 1000, 2'147'483'647}) {
    require(value->resolveDown(total) <= value->resolveUp(total), text);
    require(value->resolveUp(total) - value->resolveDown(total) <= 1, text);
  }
}

}  // namespace towpath::fuzz
