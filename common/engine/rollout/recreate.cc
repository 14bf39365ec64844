// Our own strategy, asked for by the annotation `towpath.dev/strategy: recreate` on a canary without steps: the old
// version is gone before the new one starts, for programs that bear no second instance. An abort goes the same way
// back.
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

const ReplicaSet* wantedSet(const Pass& pass) {
  const bool back = isAborted(pass) && stableSet(pass) != nullptr;
  return back ? stableSet(pass) : newSet(pass);
}

bool drain(Pass& pass, const ReplicaSet& kept) {
  bool scaled = false;
  std::vector<std::string> names;
  for (const ReplicaSet& set : pass.world.replica_sets) {
    if (set.name != kept.name && set.replicas > 0) names.push_back(set.name);
  }
  for (const std::string& name : names) scaled |= scale(pass, name, 0);
  return scaled;
}

bool othersAreGone(const Pass& pass, const ReplicaSet& kept) {
  return std::ranges::all_of(pass.world.replica_sets, [&](const ReplicaSet& set) {
    // A size that its controller has not seen yet may still bring pods up.
    const bool settled = set.observed_generation >= set.generation;
    const bool gone = set.replicas == 0 && set.current_replicas == 0 && set.terminating_replicas == 0;
    return set.name == kept.name || (settled && gone);
  });
}

void scaleSets(Pass& pass) {
  if (isHalted(pass) && !isAborted(pass)) return;
  const ReplicaSet kept = *wantedSet(pass);
  if (drain(pass, kept)) return;
  if (othersAreGone(pass, kept)) scale(pass, kept.name, pass.wanted());
}

}  // namespace

void decideRecreate(Pass& pass) {
  if (restartPods(pass)) return;
  reconcileWebhooks(pass);
  reconcileMetadata(pass);
  collectHistory(pass);
  reconcileCanaryServices(pass);
  if (reconcileCanaryAnalysis(pass) == AnalysisResult::kAskAgain) return;
  if (pass.intent.add.empty()) scaleSets(pass);
  if (promotesFully(pass)) {
    pass.intent.clear = true;
    pass.intent.remove_abort = true;
  }
  const std::optional<std::string> reason = promotionReason(pass);
  if (reason) promote(pass, *reason);
  scaleDownWorkload(pass, reason.has_value());
  finishStatus(pass);
}

}  // namespace towpath::rollout
