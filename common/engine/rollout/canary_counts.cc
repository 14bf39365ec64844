// Which sizes a canary wants by its steps and weights (core-semantics 4.2 to 4.8).
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

const model::CanaryStrategy& strategy(const Pass& pass) { return *pass.spec().canary(); }

// The setCanaryScale step in force: the last one at or before the current step, if none set it back.
const model::SetCanaryScaleStep* canaryScale(const Pass& pass) {
  if (!trafficRouted(pass) || isAborted(pass) || (currentStep(pass) == nullptr && !pass.held)) return nullptr;
  for (std::int32_t i = stepIndex(pass) - (pass.held ? 1 : 0); i >= 0; --i) {
    const auto* scale = std::get_if<model::SetCanaryScaleStep>(&steps(pass)[static_cast<std::size_t>(i)]);
    if (scale != nullptr) return scale->match_traffic_weight ? nullptr : scale;
  }
  return nullptr;
}

// While an abort gives capacity back to stable: the weight of the last step that needs fewer canary pods than stable
// still lacks, so that traffic moves as stable comes up (4.6).
std::int32_t steppedAbortWeight(const Pass& pass) {
  const std::int32_t lacking = pass.wanted() - sizeOf(stableSet(pass)).available;
  if (lacking <= 0) return 0;
  const bool explicit_delay = strategy(pass).abort_scale_down_delay_seconds.value_or(0) != 0;
  const std::int32_t canary = explicit_delay ? lacking : std::max(lacking, sizeOf(newSet(pass)).available);
  const std::vector<model::Step>& all = steps(pass);
  for (auto step = all.rbegin(); step != all.rend(); ++step) {
    const auto* weight = std::get_if<model::SetWeightStep>(&*step);
    if (weight == nullptr) continue;
    if (shareOf({pass.wanted(), weight->weight, strategy(pass).maxWeight()}) < canary) return weight->weight;
  }
  return 0;
}

bool fullCanary(const Pass& pass) {
  return promotesFully(pass) || withinRollbackWindow(pass) || pass.old().stable_rs.empty() ||
         pass.old().current_pod_hash == pass.old().stable_rs;
}

Counts routedCounts(const Pass& pass, const std::optional<model::TrafficWeights>& weights) {
  const model::CanaryStrategy& canary = strategy(pass);
  const std::int32_t wanted = pass.wanted();
  const std::int32_t most = canary.maxWeight();
  const std::optional<std::int32_t> minimum = canary.min_pods_per_replica_set;
  const model::SetCanaryScaleStep* scale = fullCanary(pass) && !isAborted(pass) ? nullptr : canaryScale(pass);
  const std::int32_t weight = desiredCanaryWeight(pass);
  const bool explicit_size = scale != nullptr && scale->replicas.has_value();
  const bool own_scale = scale != nullptr && !pass.in.extensions.limit_weight_to_ready;
  Counts counts;
  counts.canary = explicit_size ? *scale->replicas : withMinimum(shareOf({wanted, weight, most}), minimum, wanted);
  // A lower step: the pods stay until the weight has gone, which waits for stable.
  const bool weighted = weights && weights->canary.hash == newHash(pass) && !isAborted(pass) && !own_scale;
  if (weighted) counts.canary = std::max(counts.canary, shareOf({wanted, weights->canary.weight, most}));
  counts.stable = wanted;
  if (!canary.dynamic_stable_scale) return counts;
  counts.stable = shareOf({wanted, most - (explicit_size ? 0 : weight), most});
  if (weights) {
    counts.stable = std::max(counts.stable, shareOf({wanted, weights->stable.weight, most}));
    if (isAborted(pass)) counts.canary = std::max(counts.canary, shareOf({wanted, weights->canary.weight, most}));
  }
  counts.stable = withMinimum(counts.stable, minimum, wanted);
  return counts;
}

std::int32_t sizeOfOthers(const Pass& pass) {
  std::int32_t sum = 0;
  for (const ReplicaSet* set : otherSets(pass)) sum += set->replicas;
  return sum;
}

}  // namespace

std::int32_t weightBefore(const Pass& pass, std::int32_t index) {
  for (std::int32_t i = std::min(index, static_cast<std::int32_t>(steps(pass).size())) - 1; i >= 0; --i) {
    const auto* step = std::get_if<model::SetWeightStep>(&steps(pass)[static_cast<std::size_t>(i)]);
    if (step != nullptr) return step->weight;
  }
  return 0;
}

std::int32_t currentWeight(const Pass& pass) {
  if (isAborted(pass)) return 0;
  if (pass.held) return weightBefore(pass, stepIndex(pass));
  if (currentStep(pass) == nullptr) return strategy(pass).maxWeight();
  return weightBefore(pass, stepIndex(pass) + 1);
}

std::int32_t desiredCanaryWeight(const Pass& pass) {
  const std::int32_t most = strategy(pass).maxWeight();
  if (isAborted(pass)) {
    const bool stepped = strategy(pass).dynamic_stable_scale && trafficRouted(pass) && newSet(pass) != nullptr &&
                         stableSet(pass) != nullptr;
    return stepped ? steppedAbortWeight(pass) : 0;
  }
  if (fullCanary(pass)) return most;
  const model::SetCanaryScaleStep* scale = canaryScale(pass);
  if (scale != nullptr && scale->weight && !scale->replicas) return *scale->weight;
  return currentWeight(pass);
}

Counts desiredCounts(const Pass& pass, const std::optional<model::TrafficWeights>& weights) {
  if (trafficRouted(pass)) {
    if (stableSet(pass) == nullptr || newIsStable(pass)) return {pass.wanted(), pass.wanted()};
    return routedCounts(pass, weights);
  }
  if (stableSet(pass) == nullptr || newIsStable(pass)) return {pass.wanted(), 0};
  const Budget budget = resolveBudget(strategy(pass).max_surge, strategy(pass).max_unavailable, pass.wanted());
  return closestCounts({pass.wanted(), desiredCanaryWeight(pass), 100}, budget.surge);
}

Counts countsNow(const Pass& pass, const std::optional<model::TrafficWeights>& weights) {
  const Counts desired = desiredCounts(pass, weights);
  if (trafficRouted(pass)) return desired;
  BasicStep step;
  step.replicas = pass.wanted();
  step.budget = resolveBudget(strategy(pass).max_surge, strategy(pass).max_unavailable, pass.wanted());
  step.desired = desired;
  step.canary = sizeOf(newSet(pass));
  step.canary_is_stable = newIsStable(pass);
  if (stableSet(pass) != nullptr && !step.canary_is_stable) step.stable = sizeOf(stableSet(pass));
  step.others = sizeOfOthers(pass);
  return basicStep(step);
}

bool atDesiredCounts(const Pass& pass, const std::optional<model::TrafficWeights>& weights) {
  const Counts desired = desiredCounts(pass, weights);
  if (newSet(pass) == nullptr) return false;
  if (!thresholdMet(strategy(pass).replica_progress_threshold, sizeOf(newSet(pass)), desired.canary)) return false;
  if (!(trafficRouted(pass) && strategy(pass).dynamic_stable_scale)) {
    const ReplicaSet* stable = stableSet(pass);
    if (stable == nullptr || stable->replicas != desired.stable) return false;
    // With towpath.dev/broken-stable: ship, a stable version whose pods can't even be made holds nothing up.
    const bool broken = stable->available_replicas < desired.stable;
    const bool waits = !(broken && pass.in.extensions.ship_past_broken_stable);
    if (waits && stable->current_replicas != desired.stable) return false;
  }
  if (trafficRouted(pass)) return true;
  return std::ranges::all_of(otherSets(pass), [](const ReplicaSet* set) { return set->available_replicas == 0; });
}

}  // namespace towpath::rollout
