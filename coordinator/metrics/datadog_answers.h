#pragma once
// What Datadog answers, as results of a metric (docs.datadoghq.com/api/latest/metrics: "Query timeseries points",
// "Query scalar data across multiple products").

#include "base/error.h"
#include "base/value.h"
#include "metrics/question.h"

namespace towpath::metrics {

inline constexpr std::size_t kMostGroups = 100;  // of a query `by {tag}`: the lowest and highest fifty are kept

// v1: the last point of the first series; null if there is none.
Result<Answer> readDatadogSeries(const Value& body);

// v2: the first number of the first column of numbers; with groups the list of all of them, and which is whose in
// metadata.groups. null if there is none.
Result<Answer> readDatadogScalars(const Value& body);

}  // namespace towpath::metrics
