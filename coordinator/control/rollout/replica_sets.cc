#include "control/rollout/replica_sets.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "api/keys.h"
#include "cluster/kinds.h"
#include "cluster/object.h"

namespace towpath::control {
namespace {

constexpr std::array<std::string_view, 5> kNotCopied = {api::kLastApplied, api::kRevision, api::kRevisionHistory,
                                                        api::kDesiredReplicas, api::kNotified};

// The shape of "is", not its place: sorted by age, then by name.
bool olderThan(const Value* a, const Value* b) {
  const auto key = [](const Value* set) {
    return std::pair((*set)["metadata"]["creationTimestamp"].asStringView(), cluster::nameOf(*set));
  };
  return key(a) < key(b);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> copiedAnnotations(const Value& rollout) {
  std::vector<std::pair<std::string, std::string>> copied;
  for (const auto& [key, value] : rollout["metadata"]["annotations"].asObject()) {
    if (std::ranges::find(kNotCopied, key) == kNotCopied.end()) copied.emplace_back(key, value.asString());
  }
  return copied;
}

Value ownerReference(const Value& rollout) {
  Value owner;
  owner["apiVersion"] = cluster::kRollouts.apiVersion();
  owner["kind"] = cluster::kRollouts.kind;
  owner["name"] = cluster::nameOf(rollout);
  owner["uid"] = cluster::uidOf(rollout);
  owner["controller"] = true;
  owner["blockOwnerDeletion"] = true;
  return owner;
}

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
  return set;
}

bool inSync(const Value& rollout, const Value& replica_set) {
  const Value& annotations = replica_set["metadata"]["annotations"];
  for (const auto& [key, value] : copiedAnnotations(rollout)) {
    if (annotations[key].asStringView() != value) return false;
  }
  return rollout["spec"]["minReadySeconds"].asInt() == replica_set["spec"]["minReadySeconds"].asInt();
}

Value syncPatch(const Value& rollout, const Value& replica_set, int revision) {
  Value patch;
  Value& annotations = patch["metadata"]["annotations"];
  for (const auto& [key, value] : copiedAnnotations(rollout)) annotations[key] = value;
  const Value& old = replica_set["metadata"]["annotations"];
  const std::string before = old[api::kRevision].asString();
  annotations[api::kRevision] = std::to_string(revision);
  if (!before.empty() && before != std::to_string(revision)) {
    const std::string history = old[api::kRevisionHistory].asString();
    annotations[api::kRevisionHistory] = history.empty() ? before : history + "," + before;
  }
  patch["spec"]["minReadySeconds"] = rollout["spec"]["minReadySeconds"].asInt();
  return patch;
}

const Value* findNewReplicaSet(const Value& rollout, const std::string& computed_hash,
                               const std::vector<const Value*>& replica_sets, const TemplateFacts& facts) {
  std::vector<const Value*> sorted = replica_sets;
  std::ranges::sort(sorted, olderThan);
  for (const Value* set : sorted) {
    if (cluster::labelOf(*set, api::kHashLabel) == computed_hash) return set;
  }
  const Value* found = nullptr;
  const std::string_view current = rollout["status"]["currentPodHash"].asStringView();
  for (const Value* set : sorted) {
    if (!facts.same_template(rollout["spec"]["template"], (*set)["spec"]["template"])) continue;
    if (!found || cluster::labelOf(*set, api::kHashLabel) == current) found = set;
  }
  return found;
}

}  // namespace towpath::control
