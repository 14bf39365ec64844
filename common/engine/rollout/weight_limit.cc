// towpath.dev/weight-limit: ready. No version gets a larger weight than its ready pods can carry: a step waits for the
// canary's pods even where setCanaryScale or a progress threshold asks for fewer, a canary that loses pods loses weight
// at once, and traffic goes back to stable as fast as stable can take it, and no faster.
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

const ReplicaSet* canarySet(const Pass& pass) {
  if (!dynamicRollback(pass)) return newSet(pass);
  const auto found =
      std::ranges::find(pass.world.replica_sets, pass.old().canary.weights->canary.hash, &ReplicaSet::hash);
  return found == pass.world.replica_sets.end() ? nullptr : &*found;
}

}  // namespace

// Example: 10 pods wanted, 4 of stable and 3 of the canary ready, weight 50 applied, an abort asks for 0. Stable can
// carry 40, so 60 would have to stay; the canary can carry 30 only. Neither suffices: they share as 4 to 3, 42 for the
// canary.
std::int32_t limitedWeight(const Pass& pass, std::int32_t weight) {
  const ReplicaSet* canary = canarySet(pass);
  const ReplicaSet* stable = stableSet(pass);
  if (!pass.in.extensions.limit_weight_to_ready || pass.wanted() == 0 || canary == nullptr || stable == nullptr ||
      canary == stable) {
    return weight;
  }
  const std::int64_t most = pass.spec().canary()->maxWeight();
  const auto carried = [&](const ReplicaSet& set) {
    return std::min(most, most * set.available_replicas / pass.wanted());
  };
  const std::optional<TrafficSetting>& applied = pass.world.traffic.applied;
  const std::optional<model::TrafficWeights>& persisted = pass.old().canary.weights;
  const std::int64_t now = applied ? applied->canary_weight : persisted ? persisted->canary.weight : 0;
  const std::int64_t stays = most - carried(*stable);  // what stable can't take
  std::int64_t result = weight < now ? std::max<std::int64_t>(weight, std::min(now, stays)) : weight;
  std::int64_t ceiling = carried(*canary);
  const std::int64_t pods = std::int64_t{canary->available_replicas} + stable->available_replicas;
  if (ceiling < stays && pods > 0) ceiling = std::max(ceiling, most * canary->available_replicas / pods);
  if (pods > 0) result = std::min(result, ceiling);
  return static_cast<std::int32_t>(result);
}

}  // namespace towpath::rollout
