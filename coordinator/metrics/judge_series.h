#pragma once
// Series of other providers for the classical judge of towpath/judge, as users of Kayenta know it: each metric has a
// question for the canary and one for the stable version, whose answers are lists of numbers over the same time (a
// range query of Prometheus, or whatever answers with a list).

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "judge/classical.h"
#include "loop/task.h"
#include "metrics/provider.h"

namespace towpath::metrics {

struct ProviderContext;

struct SeriesSource {
  judge::SeriesMetric metric;  // without its series
  Value canary, stable;        // as `provider` of a metric: {prometheus: {…}}
};

// The setting `metrics`. kInvalid with the field.
Result<std::vector<SeriesSource>> readSeries(const Value& metrics);

// "[0.01,NaN,3]", the value of a measurement. kInvalid: it is no list of numbers.
Result<std::vector<double>> numbersOf(std::string_view text);

// The metrics with their series, all asked for now. The first that has no answer is the error, with its field.
loop::Task<Result<std::vector<judge::SeriesMetric>>> askForSeries(const ProviderContext& context,
                                                                  const MetricRequest& request,
                                                                  const std::vector<SeriesSource>& sources);

}  // namespace towpath::metrics
