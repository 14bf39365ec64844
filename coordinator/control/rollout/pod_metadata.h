#pragma once
// Ephemeral metadata (core-semantics 2.9): labels and annotations that a version's ReplicaSet and running pods carry
// while it is the canary, the stable, the active or the preview one.

#include "base/value.h"
#include "control/rollout/context.h"

namespace towpath::control {

// Has a pod of this ReplicaSet other ephemeral metadata than is recorded at the ReplicaSet? Looked at only where the
// Rollout has, or had, such metadata. Pods come from the cache; without one the answer is no.
bool podsLag(const RolloutContext& context, const model::RolloutSpec& spec, const Value& replica_set);

}  // namespace towpath::control
