#pragma once
// ReplicaSet objects of a Rollout: made, recognised and kept in step with it (core-semantics 2.2 to 2.5). Pure.

#include <optional>
#include <string>
#include <vector>

#include "base/value.h"
#include "control/rollout/facts.h"
#include "engine/rollout/decision.h"

namespace towpath::control {

// Annotations of the Rollout that its ReplicaSets carry as well.
std::vector<std::pair<std::string, std::string>> copiedAnnotations(const Value& rollout);

// The object of a CreateReplicaSet.
Value makeReplicaSet(const Value& rollout, const rollout::CreateReplicaSet& action);

// Do the annotations and minReadySeconds of the ReplicaSet follow the Rollout?
bool inSync(const Value& rollout, const Value& replica_set);

// The merge patch of a SyncReplicaSet: annotations, revision with its history, minReadySeconds, anti-affinity.
Value syncPatch(const Value& rollout, const Value& replica_set, const rollout::SyncReplicaSet& action);

// Of these (owned) ReplicaSets the one that has the Rollout's template; nullptr if there is none. In this order: the
// one that status.currentPodHash names, if it equals the template; the one whose hash was computed; any that equals it;
// and at last the current one, if nobody has edited the Rollout since the status was written: a controller that was
// here before us (or another version of this one) may compute other hashes, and taking over must not start anything.
const Value* findNewReplicaSet(const Value& rollout, const std::string& computed_hash,
                               const std::vector<const Value*>& replica_sets, const TemplateFacts& facts);

// An ownerReference to the Rollout, as controller.
Value ownerReference(const Value& rollout);

}  // namespace towpath::control
