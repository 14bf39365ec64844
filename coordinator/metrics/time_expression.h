#pragma once
// The times of a Prometheus range query: `now()` and `date("2024-01-01T00:00:00Z")`, with `duration("5m")` added or
// taken away: now() - duration("1h") - duration("5m").

#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace towpath::metrics {

// kInvalid names the place and what could stand there.
Result<WallTime> evaluateTime(std::string_view text, WallTime now);

}  // namespace towpath::metrics
