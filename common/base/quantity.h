#pragma once
// Kubernetes resource quantities: "500m", "1.5", "64Mi", "2G", "1e3" (k8s.io/apimachinery/pkg/api/resource).

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace towpath {

// In thousandths: 1 CPU = 1000, 1Mi = 1048576000. Rounds up below a thousandth, as the peer does when it needs an
// integer.
Result<std::int64_t> parseQuantityMilli(std::string_view text);
// The canonical text that Go's Quantity.String gives ("0.001" → "1m", "1024Mi" → "1Gi"); an error if malformed
// or beyond 999E, for which Go has no suffix.
Result<std::string> canonicalQuantity(std::string_view text);

}  // namespace towpath
