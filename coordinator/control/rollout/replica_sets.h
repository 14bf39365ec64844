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

// The merge patch of a SyncReplicaSet: annotations, revision with its history, minReadySeconds.
Value syncPatch(const Value& rollout, const Value& replica_set, int revision);

// Of these (owned) ReplicaSets the one that has the Rollout's template; nullptr if there is none. Where several match,
// the one that status.currentPodHash names.
const Value* findNewReplicaSet(const Value& rollout, const std::string& computed_hash,
                               const std::vector<const Value*>& replica_sets, const TemplateFacts& facts);

// An ownerReference to the Rollout, as controller.
Value ownerReference(const Value& rollout);

}  // namespace towpath::control
