#pragma once
// The rollout engine: what to do next for one Rollout, given the world as it is. Pure: no I/O, no clock, no memory
// between calls. A settled world yields no action, and deciding twice changes nothing.
//
// One decision, in order (each part is a file of this folder):
//
//   invalid spec: condition InvalidSpec, nothing else (conditions.cc)
//   no ReplicaSet: CreateReplicaSet, then decide again (replicas.cc)
//   changed template or steps: status reset to step 0, or to the end for a rollback (status.cc)
//   canary: services, traffic, analysis, ReplicaSets, pause, step completion (canary.cc, traffic_plan.cc)
//   recreate: the old version to 0, then the new one up (recreate.cc)
//   blue-green: preview, ReplicaSets, pause, active, analysis (blue_green.cc)
//   status: promotion, counters, pauses, conditions, phase, one patch (status.cc, conditions.cc)
//
// At most one step ends in a decision; a pause that follows it begins in the same one.
// Abort is looked at first in each of them and is legal in every state.

#include "engine/rollout/decision.h"
#include "engine/rollout/world.h"

namespace towpath::rollout {

Decision decide(const World& world, WallTime now);

// The analysis that a StartAnalysis refers to; nullptr if the spec has none (any more).
const model::AnalysisRef* analysisRef(const model::RolloutSpec& spec, AnalysisType type,
                                      std::optional<std::int32_t> step_index);

}  // namespace towpath::rollout
