#pragma once
// The object that spec.workloadRef names: a Deployment or a ReplicaSet of apps/v1, or a PodTemplate
// (core-semantics 3.18). Its template and selector stand in for the Rollout's own in memory only; they are never
// written to the Rollout.

#include <optional>
#include <string>

#include "base/value.h"
#include "cluster/cache.h"
#include "control/caches.h"
#include "engine/rollout/world.h"

namespace towpath::control {

// The kind that a workloadRef ({apiVersion, kind, name}) names; nullptr for one that can't be referred to.
const cluster::Resource* workloadResource(const Value& workload_ref);

// Puts the workload's template, its selector (unless the Rollout has one) and the annotation workload-generation into
// `rollout`. An error is a text for people, without a field's path, as the peer words it.
Result<rollout::WorkloadView> resolveWorkload(const Caches& caches, Value& rollout);

}  // namespace towpath::control
