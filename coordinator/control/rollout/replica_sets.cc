#include "control/rollout/replica_sets.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "api/injected.h"
#include "api/keys.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "control/objects/patches.h"
#include "json/patch.h"
#include "model/conditions.h"

namespace towpath::control {
namespace {

constexpr std::array<std::string_view, 8> kNotCopied = {api::kLastApplied,     api::kRevision,   api::kRevisionHistory,
                                                        api::kDesiredReplicas, api::kNotified,   api::kRejectedTemplate,
                                                        api::kWebhooks,        api::kWebhookGate};

// The shape of "is", not its place: sorted by age, then by name.
bool olderThan(const Value* a, const Value* b) {
  const auto key = [](const Value* set) {
    return std::pair((*set)["metadata"]["creationTimestamp"].asStringView(), cluster::nameOf(*set));
  };
  return key(a) < key(b);
}

// The controller that wrote this status has taken this spec for that of status.currentPodHash: whatever the comparison
// of templates says (an admission webhook may have changed the ReplicaSet's), nothing new was asked for.
bool nobodyEditedSince(const Value& rollout) {
  const Value& status = rollout["status"];
  if (status["observedGeneration"].asStringView() != std::to_string(rollout["metadata"]["generation"].asInt())) {
    return false;
  }
  const Value& annotations = rollout["metadata"]["annotations"];
  if (status["workloadObservedGeneration"].asStringView() != annotations[api::kWorkloadGeneration].asStringView()) {
    return false;
  }
  // While one of these held, the status was written without a look at the template.
  return std::ranges::none_of(status["conditions"].asArray(), [](const Value& condition) {
    using namespace model::condition;
    const std::string_view type = condition["type"].asStringView();
    const bool blind = type == kInvalidSpec || type == kNewVersionQueued || type == kNewVersionRejected;
    return blind && condition["status"].asStringView() == "True";
  });
}

}  // namespace

std::vector<std::pair<std::string, std::string>> copiedAnnotations(const Value& rollout) {
  std::vector<std::pair<std::string, std::string>> copied;
  for (const auto& [key, value] : rollout["metadata"]["annotations"].asObject()) {
    if (std::ranges::find(kNotCopied, key) == kNotCopied.end()) copied.emplace_back(key, value.asString());
  }
  return copied;
}

Value ownerReference(const Value& rollout) { return ownerReference(cluster::kRollouts, rollout); }

Value makeReplicaSet(const Value& rollout, const rollout::CreateReplicaSet& action) {
  const Value& spec = rollout["spec"];
  Value set;
  set["apiVersion"] = cluster::kReplicaSets.apiVersion();
  set["kind"] = cluster::kReplicaSets.kind;
  Value& metadata = set["metadata"];
  metadata["name"] = action.name;
  metadata["namespace"] = cluster::namespaceOf(rollout);
  metadata["labels"] = spec["template"]["metadata"]["labels"];
  metadata["labels"][api::kHashLabel] = action.hash;
  for (const auto& [key, value] : copiedAnnotations(rollout)) metadata["annotations"][key] = value;
  metadata["annotations"][api::kRevision] = std::to_string(action.revision);
  metadata["annotations"][api::kDesiredReplicas] = std::to_string(action.desired_replicas);
  metadata["ownerReferences"] = Array{ownerReference(rollout)};
  set["spec"]["replicas"] = 0;
  if (spec["minReadySeconds"].asInt() != 0) set["spec"]["minReadySeconds"] = spec["minReadySeconds"];
  set["spec"]["selector"] = spec["selector"];
  set["spec"]["selector"]["matchLabels"][api::kHashLabel] = action.hash;
  set["spec"]["template"] = spec["template"];
  set["spec"]["template"]["metadata"]["labels"][api::kHashLabel] = action.hash;
  if (action.repels) {
    api::setRepelledHash(set["spec"]["template"], action.repels->hash, action.repels->kind,
                         cluster::namespaceOf(rollout));
  }
  if (action.metadata) {
    api::injectMetadata(set["spec"]["template"]["metadata"], *action.metadata, {});
    metadata["annotations"][api::kEphemeralMetadata] = api::metadataText(*action.metadata);
  }
  return set;
}

bool inSync(const Value& rollout, const Value& replica_set) {
  const Value& annotations = replica_set["metadata"]["annotations"];
  for (const auto& [key, value] : copiedAnnotations(rollout)) {
    if (annotations[key].asStringView() != value) return false;
  }
  return rollout["spec"]["minReadySeconds"].asInt() == replica_set["spec"]["minReadySeconds"].asInt();
}

Value syncPatch(const Value& rollout, const Value& replica_set, const rollout::SyncReplicaSet& action) {
  Value patch;
  Value& annotations = patch["metadata"]["annotations"];
  for (const auto& [key, value] : copiedAnnotations(rollout)) annotations[key] = value;
  const Value& old = replica_set["metadata"]["annotations"];
  const std::string before = old[api::kRevision].asString();
  annotations[api::kRevision] = std::to_string(action.revision);
  if (!before.empty() && before != std::to_string(action.revision)) {
    const std::string history = old[api::kRevisionHistory].asString();
    annotations[api::kRevisionHistory] = history.empty() ? before : history + "," + before;
  }
  patch["spec"]["minReadySeconds"] = rollout["spec"]["minReadySeconds"].asInt();
  Value next = replica_set["spec"]["template"];
  const std::string hash = action.repels ? action.repels->hash : "";
  const auto kind = action.repels ? std::optional(action.repels->kind) : std::nullopt;
  if (hash.empty() && api::repelledHash(next).empty()) return patch;
  api::setRepelledHash(next, hash, kind, cluster::namespaceOf(rollout));
  Value difference = json::diffMerge(replica_set["spec"]["template"], next);
  if (!difference.asObject().empty()) patch["spec"]["template"] = std::move(difference);
  return patch;
}

const Value* findNewReplicaSet(const Value& rollout, const std::string& computed_hash,
                               const std::vector<const Value*>& replica_sets, const TemplateFacts& facts) {
  std::vector<const Value*> sorted = replica_sets;
  std::ranges::sort(sorted, olderThan);
  const auto labelled = [&sorted](std::string_view hash) -> const Value* {
    const auto found = std::ranges::find_if(
        sorted, [hash](const Value* set) { return cluster::labelOf(*set, api::kHashLabel) == hash; });
    return found == sorted.end() ? nullptr : *found;
  };
  const Value& wanted = rollout["spec"]["template"];
  const std::string_view current_hash = rollout["status"]["currentPodHash"].asStringView();
  const Value* current = current_hash.empty() ? nullptr : labelled(current_hash);
  if (current && (current_hash == computed_hash || facts.same_template(wanted, *current))) return current;
  if (const Value* named = labelled(computed_hash)) return named;
  for (const Value* set : sorted) {
    if (set != current && facts.same_template(wanted, *set)) return set;
  }
  return current && nobodyEditedSince(rollout) ? current : nullptr;
}

}  // namespace towpath::control
