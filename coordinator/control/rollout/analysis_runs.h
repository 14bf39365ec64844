#pragma once
// AnalysisRun objects made from a Rollout's reference (core-semantics 8.3). Pure.

#include "api/analysis_run_spec.h"
#include "base/error.h"
#include "base/value.h"
#include "engine/rollout/decision.h"
#include "model/analysis.h"

namespace towpath::control {

using FindTemplate = api::FindTemplate;

// kInvalid for templates that are missing, contradict each other or go in a circle; arguments that have no value.
Result<Value> makeAnalysisRun(const Value& rollout, const model::AnalysisRef& reference,
                              const rollout::StartAnalysis& action, const FindTemplate& find);

// Would the other run measure the same? (metrics, dryRun, measurementRetention, args)
bool sameRun(const Value& a, const Value& b);

}  // namespace towpath::control
