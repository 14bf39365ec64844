#include "engine/rollout/traffic_plan.h"

#include <algorithm>

namespace towpath::rollout {
namespace {

const model::CanaryStrategy& strategy(const Pass& pass) { return *pass.spec().canary(); }

// ⌊weight · part / whole⌋
std::int32_t parts(std::int32_t weight, std::int32_t part, std::int32_t whole) {
  return static_cast<std::int32_t>(std::int64_t{weight} * part / whole);
}

std::int32_t persistedWeight(const Pass& pass) {
  return pass.old().canary.weights ? pass.old().canary.weights->canary.weight : 0;
}

// While an abort (or a dynamic way back) hands traffic to stable: only as far as stable can carry it, and never upwards
// (6.3).
std::int32_t returningWeight(const Pass& pass) {
  const ReplicaSet* stable = stableSet(pass);
  if (!strategy(pass).dynamic_stable_scale || stable == nullptr || newSet(pass) == nullptr || pass.wanted() == 0)
    return 0;
  const std::int32_t most = strategy(pass).maxWeight();
  const std::int32_t carried = parts(most, stable->available_replicas, pass.wanted());
  const std::int32_t expected = std::max(0, most - carried);
  const std::int32_t target = desiredCanaryWeight(pass);
  const std::int32_t current = persistedWeight(pass);  // none recorded: the canary never had any
  if (target <= 0) return std::min(expected, current);
  if (carried < most - target) return current;
  return std::min(target, current);
}

std::int32_t fullPromotionWeight(const Pass& pass) {
  if (!strategy(pass).dynamic_stable_scale) return persistedWeight(pass);
  if (pass.wanted() == 0) return strategy(pass).maxWeight();
  const std::int32_t most = strategy(pass).maxWeight();
  return std::min(most, parts(most, newSet(pass)->available_replicas, pass.wanted()));
}

// While pods are still missing, the weight is that of the steps already done. It rises to it only if the canary can
// carry it: a person may have skipped the step that would have waited for the pods.
std::int32_t weightWhileScaling(const Pass& pass) {
  // A step that lowers the weight needs no pods, and those it gives up stay for as long as they get traffic.
  const std::int32_t done = std::min(weightBefore(pass, stepIndex(pass)), currentWeight(pass));
  const std::int32_t needed = shareOf({pass.wanted(), done, strategy(pass).maxWeight()});
  const bool carried = newSet(pass)->available_replicas >= needed;
  return done <= persistedWeight(pass) || carried ? done : persistedWeight(pass);
}

std::int32_t steppedWeight(const Pass& pass) {
  if (steps(pass).empty()) return 0;
  return atDesiredCounts(pass, std::nullopt) ? currentWeight(pass) : weightWhileScaling(pass);
}

std::int32_t desiredWeight(const Pass& pass) {
  if (dynamicRollback(pass)) return returningWeight(pass);
  if (fullyPromoted(pass)) return 0;
  if (isAborted(pass)) return returningWeight(pass);
  if (newSet(pass) == nullptr || newSet(pass)->available_replicas == 0) return 0;
  if (isHalted(pass)) return persistedWeight(pass);
  if (promotesFully(pass)) return fullPromotionWeight(pass);
  return steppedWeight(pass);
}

// Stable must be able to carry what the plan leaves it.
bool stableCanCarry(const Pass& pass, std::int32_t canary_weight) {
  const ReplicaSet* stable = stableSet(pass);
  if (stable == nullptr) return false;
  // The limit has dealt out what both can carry, where there are two.
  const bool two = !newIsStable(pass) || dynamicRollback(pass);
  if (pass.in.extensions.limit_weight_to_ready && two) return true;
  const std::optional<TrafficSetting>& applied = pass.world.traffic.applied;
  const std::int32_t now = applied ? applied->canary_weight : persistedWeight(pass);
  const std::int32_t most = strategy(pass).maxWeight();
  // A canary without a pod serves nobody: whatever stable has is better.
  const bool dead = !dynamicRollback(pass) && newSet(pass)->available_replicas == 0;
  if (dead && canary_weight == 0) return stable->available_replicas > 0 || pass.wanted() == 0;
  // More for the canary is less for stable, which can't carry it anyway.
  if (pass.in.extensions.ship_past_broken_stable && canary_weight >= now) return true;
  const std::int32_t needed = parts(pass.wanted(), most - canary_weight, most);
  // Of few pods a share may round to none; nothing moves to a version that cannot answer even so.
  const bool gains = canary_weight < persistedWeight(pass) && pass.wanted() > 0;
  if (gains && stable->available_replicas == 0) return false;
  if (stable->available_replicas >= needed) return true;
  // An abort does not wait for the last stable pod: what is left on the canary is known to be bad.
  if (isAborted(pass) && !strategy(pass).dynamic_stable_scale) return stable->available_replicas > 0;
  const auto& threshold = strategy(pass).replica_progress_threshold;
  return threshold && threshold->value >= 0 && thresholdMet(threshold, sizeOf(stable), needed);
}

model::TrafficWeights weightsOf(const Pass& pass, const TrafficSetting& setting) {
  model::TrafficWeights weights;
  std::int32_t extra = 0;
  for (const model::WeightDestination& destination : setting.additional) extra += destination.weight;
  const model::ServicePair services =
      routedServices(strategy(pass), pass.old().canary.stable_ping_pong, model::ServiceChoice::kPreferPingPong);
  weights.canary = {setting.canary_weight, services.canary, setting.canary_hash};
  weights.stable = {strategy(pass).maxWeight() - setting.canary_weight - extra, services.stable, setting.stable_hash};
  weights.additional = setting.additional;
  return weights;
}

std::string destinationsText(const std::vector<model::WeightDestination>& destinations) {
  std::vector<std::string> texts;
  for (const model::WeightDestination& each : destinations)
    texts.push_back(fmt::format("{{{} {} {}}}", each.weight, each.service_name, each.hash));
  return fmt::format("[{}]", fmt::join(texts, " "));
}

void recordWeights(Pass& pass, const TrafficSetting& setting) {
  model::TrafficWeights weights = weightsOf(pass, setting);
  const std::optional<model::TrafficWeights>& before = pass.old().canary.weights;
  const bool same = before && before->canary == weights.canary && before->stable == weights.stable &&
                    before->additional == weights.additional;
  const bool moved =
      !before || before->canary.weight != weights.canary.weight || before->additional != weights.additional;
  if (!same && moved) {
    const std::string from = before ? fmt::format("from {} ", before->canary.weight) : "";
    const bool others = before && before->additional != weights.additional;
    eventAfterPatch(pass, "TrafficWeightUpdated",
                    fmt::format("Traffic weight updated {}to {}{}", from, setting.canary_weight,
                                others ? ", additional: " + destinationsText(weights.additional) : ""));
  }
  // Once promoted there is nothing to wait for; a node that is away must not keep the status changing.
  if (!fullyPromoted(pass)) weights.verified = pass.in.traffic.verified;
  pass.next.canary.weights = std::move(weights);
}

// An abort takes header and mirror routes back although stable cannot take the weight yet, as soon as anything of it
// can answer.
TrafficResult takeRoutesBack(Pass& pass) {
  const std::optional<TrafficSetting>& applied = pass.world.traffic.applied;
  const bool left = applied && !applied->managed.empty();
  if (!left || !isAborted(pass) || sizeOf(stableSet(pass)).available == 0) return TrafficResult::kDone;
  TrafficSetting setting = *applied;
  setting.managed.clear();
  act(pass, SetTraffic{std::move(setting), strategy(pass).maxWeight(), false});
  pass.decision.decide_again = true;
  return TrafficResult::kAskAgain;
}

// A weight that the data plane does not carry yet holds the step; at the end of the rollout it also keeps the old
// version.
void awaitVerification(Pass& pass, const TrafficSetting& setting) {
  if (fullyPromoted(pass) || pass.world.traffic.verified != false) return;
  lookAgain(pass, pass.now + 10s);
  const bool at_end = setting.canary_weight == strategy(pass).maxWeight();
  if (at_end) pass.hold_promotion = true;
}

}  // namespace

bool dynamicRollback(const Pass& pass) {
  if (!trafficRouted(pass) || !strategy(pass).dynamic_stable_scale || !fullyPromoted(pass)) return false;
  const std::optional<model::TrafficWeights>& weights = pass.old().canary.weights;
  return weights && !weights->canary.hash.empty() && weights->canary.hash != newHash(pass) &&
         sizeOf(newSet(pass)).available < pass.wanted();
}

std::optional<TrafficPlan> planTraffic(const Pass& pass) {
  TrafficPlan plan;
  plan.weight = limitedWeight(pass, desiredWeight(pass));
  plan.canary_hash = dynamicRollback(pass) ? pass.old().canary.weights->canary.hash : newHash(pass);
  if (stableSet(pass) == nullptr || !stableCanCarry(pass, plan.weight)) return std::nullopt;
  plan.stable_hash = stableSet(pass)->hash;
  plan.canary_service_to_stable = isAborted(pass) && plan.weight == 0;
  return plan;
}

TrafficResult reconcileTraffic(Pass& pass) {
  if (!trafficRouted(pass)) {
    pass.next.canary.weights.reset();
    return TrafficResult::kDone;
  }
  const std::optional<TrafficPlan> plan = planTraffic(pass);
  if (!plan) return takeRoutesBack(pass);
  if (plan->canary_service_to_stable) switchService(pass, ServiceRole::kCanary, stableSet(pass), ServiceCheck::kNone);
  const TrafficSetting setting{plan->weight, plan->canary_hash, plan->stable_hash, experimentDestinations(pass),
                               wantedRoutes(pass)};
  if (pass.world.traffic.applied != setting) {
    const bool emptied = sizeOf(newSet(pass)).available == 0 && persistedWeight(pass) > 0;
    act(pass, SetTraffic{setting, strategy(pass).maxWeight(), emptied});
    pass.decision.decide_again = true;
    return TrafficResult::kAskAgain;
  }
  recordWeights(pass, setting);
  awaitVerification(pass, setting);
  return TrafficResult::kDone;
}

}  // namespace towpath::rollout
