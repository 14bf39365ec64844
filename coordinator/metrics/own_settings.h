#pragma once
// The settings of our own providers, without measuring anything: for towpath lint.

#include "base/error.h"
#include "base/value.h"

namespace towpath::metrics {

// `provider`: as a metric has it. kInvalid with the field below {plugin: {<name>: …}}; fine as well: another's
// provider.
Result<void> checkOwnSettings(const Value& provider);

Result<void> checkTrafficSettings(const Value& config);  // towpath_traffic.cc

}  // namespace towpath::metrics
