// Resource quantities: the canonical text is canonical, and worth the same.

#include "base/quantity.h"

#include "fuzz.h"

namespace towpath::fuzz {

void run(std::string_view input) {
  const Result<std::string> canonical = canonicalQuantity(input);
  const Result<std::int64_t> milli = parseQuantityMilli(input);
  if (!canonical) return;
  require(canonicalQuantity(*canonical) == *canonical, *canonical);
  if (milli) require(parseQuantityMilli(*canonical) == *milli, *canonical);
}

}  // namespace towpath::fuzz
