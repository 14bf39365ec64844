#pragma once
// Experiment objects made from a step of a Rollout, and read back (core-semantics 9.6). Pure.

#include "base/error.h"
#include "base/value.h"
#include "control/rollout/context.h"
#include "engine/rollout/decision.h"

namespace towpath::control {

// The step's spec with the pod templates of the ReplicaSets that its templates refer to. kInvalid: a specRef that is
// neither canary nor stable, or an argument that has no value.
Result<Value> makeExperiment(const View& view, const rollout::StartExperiment& action);

// Would the other one do the same? (spec, apart from terminate)
bool sameExperiment(const Value& a, const Value& b);

rollout::ExperimentView readExperimentView(const Value& experiment);

}  // namespace towpath::control
