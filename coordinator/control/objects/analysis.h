#pragma once
// AnalysisTemplate and AnalysisRun objects ↔ model.

#include "base/error.h"
#include "base/value.h"
#include "model/analysis.h"

namespace towpath::control::objects {

model::AnalysisRef readAnalysisRef(const Value& reference);
model::Metric readMetric(const Value& metric);
model::Argument readArgument(const Value& argument);
Value writeArgument(const model::Argument& argument);

// Of a whole run. Arguments in the metrics are not substituted here (control/analysis/arguments.h).
model::AnalysisRunSpec readAnalysisRunSpec(const Value& run);
model::AnalysisRunStatus readAnalysisRunStatus(const Value& run);
Value writeAnalysisRunStatus(const model::AnalysisRunStatus& status);
// {"status": {…}}; an empty object if nothing differs.
Value analysisRunStatusPatch(const Value& run, const model::AnalysisRunStatus& next);

}  // namespace towpath::control::objects
