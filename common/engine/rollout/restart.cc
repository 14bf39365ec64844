// Restarting pods within the availability budget (core-semantics 3.19).
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

std::int32_t evictionBudget(const Pass& pass) {
  const auto available =
      std::ranges::count_if(pass.in.pods, [](const PodView& pod) { return pod.available && !pod.terminating; });
  std::int32_t sizes = 0;
  for (const ReplicaSet& set : pass.world.replica_sets) {
    // Of old versions only what serves: one that never got ready may stay for ever (scaleDownDelaySeconds 0).
    const bool other = &set != newSet(pass) && &set != stableSet(pass);
    sizes += other ? std::min(set.replicas, set.available_replicas) : set.replicas;
  }
  std::int32_t unavailable = 0;
  if (const model::CanaryStrategy* canary = pass.spec().canary()) {
    unavailable = resolveBudget(canary->max_surge, canary->max_unavailable, pass.wanted()).unavailable;
  } else if (const model::BlueGreenStrategy* blue_green = pass.spec().blueGreen()) {
    unavailable = blue_green->max_unavailable.resolveDown(pass.wanted());
  }
  return static_cast<std::int32_t>(available) - (std::max(pass.wanted(), sizes) - std::max(unavailable, 1));
}

}  // namespace

bool restartPods(Pass& pass) {
  const std::optional<WallTime> restart_at = restartTime(pass.world);
  if (!restart_at || pass.old().restarted_at == pass.spec().restart_at) return false;
  if (*restart_at > pass.now) {
    lookAgain(pass, *restart_at);
    return false;
  }
  std::vector<const PodView*> old_pods;
  for (const PodView& pod : pass.in.pods) {
    if (pod.creation_time < *restart_at) old_pods.push_back(&pod);
  }
  if (old_pods.empty()) {
    pass.next.restarted_at = pass.spec().restart_at;
    return false;
  }
  std::int32_t budget = evictionBudget(pass);
  bool evicted = false;
  for (const PodView* pod : old_pods) {
    if (budget <= 0) break;
    if (pod->terminating || pod->eviction_refused) continue;
    act(pass, EvictPod{pod->name});
    --budget;
    evicted = true;
  }
  lookAgain(pass, pass.now + 30s);
  return evicted;
}

}  // namespace towpath::rollout
