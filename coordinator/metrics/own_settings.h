#pragma once
// The settings of our own providers, without measuring anything: for towpath lint.

#include <initializer_list>
#include <string_view>

#include "base/error.h"
#include "base/value.h"

namespace towpath::metrics {

// `provider`: as a metric has it. kInvalid with the field below {plugin: {<name>: …}}; fine as well: another's
// provider.
Result<void> checkOwnSettings(const Value& provider);

// A setting that is not read would leave a question other than the one that was meant: kInvalid with its name as field.
Result<void> refuseUnknown(const Value& config, std::initializer_list<std::string_view> known);

Result<void> checkTrafficSettings(const Value& config);  // towpath_traffic.cc

}  // namespace towpath::metrics
