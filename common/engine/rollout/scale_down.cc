// When old versions go: delays, deadlines, and the budget of available pods (core-semantics 3.16).
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

constexpr std::int32_t kDefaultDelaySeconds = 30;

std::int32_t scaleDownDelay(const Pass& pass) {
  if (const model::BlueGreenStrategy* blue_green = pass.spec().blueGreen()) {
    return blue_green->scale_down_delay_seconds.value_or(kDefaultDelaySeconds);
  }
  return pass.spec().canary()->scale_down_delay_seconds.value_or(kDefaultDelaySeconds);
}

std::int32_t delayedLimit(const Pass& pass) {
  const model::BlueGreenStrategy* blue_green = pass.spec().blueGreen();
  const std::optional<std::int32_t> limit = blue_green != nullptr
                                                ? blue_green->scale_down_delay_revision_limit
                                                : pass.spec().canary()->scale_down_delay_revision_limit;
  return limit.value_or(std::numeric_limits<std::int32_t>::max());
}

std::optional<std::int32_t> abortDelay(const Pass& pass) {
  const model::BlueGreenStrategy* blue_green = pass.spec().blueGreen();
  return blue_green != nullptr ? blue_green->abort_scale_down_delay_seconds
                               : pass.spec().canary()->abort_scale_down_delay_seconds;
}

// The size that an old ReplicaSet keeps under the scale-down delay; `delayed` counts those that hold a deadline.
// Delay 0 means "never", as the peer does it.
std::int32_t delayedSize(Pass& pass, const ReplicaSet& set, std::int32_t& delayed) {
  const std::int32_t kept = pass.spec().blueGreen() != nullptr ? pass.wanted() : set.replicas;
  const std::int32_t limit = delayedLimit(pass);
  if (!set.scale_down_deadline) {
    if (delayed >= limit) return 0;
    const std::int32_t delay = scaleDownDelay(pass);
    if (delay <= 0) return set.replicas;
    ++delayed;
    const WallTime deadline = pass.stamp + std::chrono::seconds(delay);
    act(pass, SetScaleDownDeadline{set.name, deadline});
    lookAgain(pass, deadline);
    return set.replicas;
  }
  ++delayed;
  if (delayed > limit || *set.scale_down_deadline <= pass.now) return 0;
  lookAgain(pass, *set.scale_down_deadline);
  return kept;
}

bool isReferenced(const Pass& pass, const ReplicaSet& set) {
  const model::RolloutStatus& status = pass.old();
  if (set.hash == status.stable_rs || set.hash == status.current_pod_hash) return true;
  if (pass.spec().blueGreen() != nullptr) {
    if (set.hash == status.blue_green.active_selector || set.hash == status.blue_green.preview_selector) return true;
  } else if (pass.next.canary.weights) {
    const model::TrafficWeights& weights = *pass.next.canary.weights;
    if (set.hash == weights.canary.hash || set.hash == weights.stable.hash) return true;
  }
  // Of ping and pong only the weights tell which one serves; the other may go on pointing at what is scaled down.
  return std::ranges::any_of(pass.world.services, [&](const ServiceView& view) {
    const bool turns = view.role == ServiceRole::kPing || view.role == ServiceRole::kPong;
    return !turns && view.service.selector_hash == set.hash;
  });
}

void scaleToNothing(Pass& pass, const std::string& name, bool& scaled) {
  scaled |= scale(pass, name, 0);
  const ReplicaSet* set = findSet(pass, name);
  if (set->replicas == 0 && set->scale_down_deadline) act(pass, ClearScaleDownDeadline{name});
}

void resize(Pass& pass, const std::string& name, std::int32_t size, bool& scaled) {
  if (size == 0) {
    scaleToNothing(pass, name, scaled);
  } else {
    scaled |= scale(pass, name, size);
  }
}

// Pods of old versions that do not serve anyway go first. Not of one that is sent requests: who makes a ReplicaSet
// smaller has no say in which of its pods go.
bool dropUnavailable(Pass& pass) {
  bool scaled = false;
  for (const ReplicaSet* set : otherSets(pass)) {
    if (trafficRouted(pass) && isReferenced(pass, *set)) continue;
    if (set->replicas > 0 && set->available_replicas < set->replicas) {
      resize(pass, set->name, set->available_replicas, scaled);
    }
  }
  return scaled;
}

std::int32_t spareAvailability(const Pass& pass) {
  const model::CanaryStrategy& canary = *pass.spec().canary();
  const Budget budget = resolveBudget(canary.max_surge, canary.max_unavailable, pass.wanted());
  std::int32_t available = 0;
  for (const ReplicaSet& set : pass.world.replica_sets) available += std::min(set.available_replicas, set.replicas);
  return available - (pass.wanted() - budget.unavailable);
}

std::int32_t otherCanarySize(Pass& pass, const ReplicaSet& set, std::int32_t budget, std::int32_t& delayed) {
  if (!trafficRouted(pass)) return set.replicas - std::min(budget, set.replicas);
  if (isReferenced(pass, set)) return set.replicas;
  if (!fullyPromoted(pass) && !set.scale_down_deadline) return 0;  // a canary that was given up midway
  if (pass.spec().canary()->dynamic_stable_scale) return 0;
  return delayedSize(pass, set, delayed);
}

std::vector<const ReplicaSet*> newestFirst(const Pass& pass) {
  std::vector<const ReplicaSet*> others = otherSets(pass);
  std::ranges::sort(others, [](const ReplicaSet* a, const ReplicaSet* b) {
    return std::tuple(a->revision.value_or(0), a->creation_time, a->name) >
           std::tuple(b->revision.value_or(0), b->creation_time, b->name);
  });
  return others;
}

}  // namespace

bool keepsCanaryOnAbort(const Pass& pass) {
  const bool routed = pass.spec().blueGreen() != nullptr || trafficRouted(pass);
  return routed && isAborted(pass) && stableSet(pass) != nullptr && abortDelay(pass) == 0;
}

bool delaysScaleDownOnAbort(const Pass& pass) {
  if (!isAborted(pass) || stableSet(pass) == nullptr || newIsStable(pass) || abortDelay(pass) == 0) return false;
  if (pass.spec().blueGreen() != nullptr) return true;
  if (!trafficRouted(pass)) return false;
  return !pass.spec().canary()->dynamic_stable_scale || abortDelay(pass).has_value();
}

void clearDeadlines(Pass& pass) {
  const ReplicaSet* fresh = newSet(pass);
  if (fresh != nullptr && fresh->scale_down_deadline && !delaysScaleDownOnAbort(pass)) {
    act(pass, ClearScaleDownDeadline{fresh->name});
  }
  const ReplicaSet* stable = stableSet(pass);
  if (stable != nullptr && stable->scale_down_deadline && !newIsStable(pass)) {
    act(pass, ClearScaleDownDeadline{stable->name});
  }
}

bool holdAborted(Pass& pass, std::int32_t& target) {
  if (keepsCanaryOnAbort(pass)) return true;
  if (!delaysScaleDownOnAbort(pass)) return false;
  const ReplicaSet* fresh = newSet(pass);
  if (fresh->replicas == 0) return true;
  if (fresh->scale_down_deadline) {
    if (*fresh->scale_down_deadline > pass.now) {
      lookAgain(pass, *fresh->scale_down_deadline);
      return true;
    }
    target = 0;
    return false;
  }
  // The clock starts when stable can carry everything.
  if (sizeOf(stableSet(pass)).available < pass.wanted()) return true;
  const WallTime deadline = pass.stamp + std::chrono::seconds(abortDelay(pass).value_or(kDefaultDelaySeconds));
  act(pass, SetScaleDownDeadline{fresh->name, deadline});
  lookAgain(pass, deadline);
  return true;
}

bool scaleDownOthersCanary(Pass& pass) {
  if (dropUnavailable(pass)) return true;
  std::int32_t budget = spareAvailability(pass);
  std::int32_t delayed = 0;
  bool scaled = false;
  for (const ReplicaSet* set : newestFirst(pass)) {
    if (budget <= 0) break;
    const std::int32_t before = set->replicas;
    if (before == 0) continue;
    const std::int32_t size = otherCanarySize(pass, *set, budget, delayed);
    resize(pass, set->name, size, scaled);
    budget -= before - size;
  }
  return scaled;
}

bool scaleDownOthersBlueGreen(Pass& pass) {
  if (hasPause(pass.old(), model::PauseReason::kInconclusiveAnalysisRun)) return false;
  const model::BlueGreenStrategy& blue_green = *pass.spec().blueGreen();
  const std::optional<model::AnalysisRunRef>& post = pass.old().blue_green.post_promotion_analysis;
  const bool judging = blue_green.post_promotion_analysis && blue_green.post_promotion_analysis->configured() &&
                       !fullyPromoted(pass) && (!post || post->phase != model::AnalysisPhase::kSuccessful);
  if (judging && !blue_green.scale_down_delay_seconds) return false;
  std::int32_t delayed = 0;
  bool scaled = false;
  for (const ReplicaSet* set : newestFirst(pass)) {
    if (set->replicas == 0 || isReferenced(pass, *set)) continue;
    resize(pass, set->name, delayedSize(pass, *set, delayed), scaled);
  }
  return scaled;
}

}  // namespace towpath::rollout
