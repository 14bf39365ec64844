#pragma once
// AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun objects ↔ the structs of model/. Decoding is tolerant, see
// rollout_view.h.

#include "base/value.h"
#include "model/analysis.h"

namespace towpath::api {

model::AnalysisTemplate decodeAnalysisTemplate(const Value& object);
model::AnalysisRunSpec decodeAnalysisRunSpec(const Value& object);
model::AnalysisRunStatus decodeAnalysisRunStatus(const Value& object);
Value encodeAnalysisRunStatus(const model::AnalysisRunStatus& status);

// One entry of `metrics`. Numbers may be given as text ("5"), which argument substitution leaves behind.
model::Metric decodeMetric(const Value& metric);
model::Argument decodeArgument(const Value& argument);
Value encodeArgument(const model::Argument& argument);

}  // namespace towpath::api
