#pragma once
// A Rollout object ↔ the structs of model/. Decoding is tolerant: a field of a wrong type reads as absent, since the
// schema has already been checked where the object came in, and one broken object must not stop the rest.

#include "base/value.h"
#include "model/rollout.h"

namespace towpath::api {

// `object` is the whole Rollout.
model::RolloutSpec decodeRolloutSpec(const Value& object);
model::RolloutStatus decodeRolloutStatus(const Value& object);

// status as the peer writes it: zero values are left out, `canary` and `blueGreen` are always there. For a patch, take
// json::diffMerge(encodeRolloutStatus(old), encodeRolloutStatus(next)): what we do not know (status.alb) stays.
Value encodeRolloutStatus(const model::RolloutStatus& status);

// One analysis reference ({templates, args, dryRun, measurementRetention, analysisRunMetadata}).
model::AnalysisRef decodeAnalysisRef(const Value& value);

// One condition list of any object ({type, status, reason, message, lastUpdateTime, lastTransitionTime}).
model::Conditions decodeConditions(const Value& list);
Value encodeConditions(const model::Conditions& conditions);

}  // namespace towpath::api
