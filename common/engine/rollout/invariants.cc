#include "engine/rollout/invariants.h"

#include <algorithm>

#include "engine/rollout/effects.h"
#include "engine/rollout/replicas.h"

namespace towpath::rollout {
namespace {

using model::ReplicaSet;

struct Check {
  const World& before;
  const World& after;
  const Decision& decision;
  std::vector<std::string>& broken;

  void fail(std::string text) const { broken.push_back(std::move(text)); }
  const model::CanaryStrategy* canary() const { return before.spec.canary(); }
  bool routed() const {
    return canary() != nullptr && canary()->traffic_routing && !canary()->traffic_routing->routers.empty();
  }
  bool basic() const { return canary() != nullptr && !routed() && !before.recreate; }
  std::int32_t wanted() const { return before.spec.wantedReplicas(); }
};

std::int32_t specSum(const World& world) {
  std::int32_t sum = 0;
  for (const ReplicaSet& set : world.replica_sets) sum += set.replicas;
  return sum;
}

// Kubernetes removes pods that are not ready first: what stays available is the smaller of the two.
std::int32_t availableSum(const World& world) {
  std::int32_t sum = 0;
  for (const ReplicaSet& set : world.replica_sets) sum += std::min(set.replicas, set.available_replicas);
  return sum;
}

const ReplicaSet* byHash(const World& world, const std::string& hash) {
  const auto found = std::ranges::find(world.replica_sets, hash, &ReplicaSet::hash);
  return hash.empty() || found == world.replica_sets.end() ? nullptr : &*found;
}

void budgetHolds(const Check& check) {
  if (!check.basic()) return;
  const Budget budget = resolveBudget(check.canary()->max_surge, check.canary()->max_unavailable, check.wanted());
  const std::int32_t sum_before = specSum(check.before);
  const std::int32_t sum_after = specSum(check.after);
  if (sum_after > sum_before && sum_after > check.wanted() + budget.surge) {
    check.fail(fmt::format("{} pods, more than {} + {} surge", sum_after, check.wanted(), budget.surge));
  }
  const std::int32_t least = std::min(availableSum(check.before), check.wanted() - budget.unavailable);
  if (availableSum(check.after) < least) {
    check.fail(fmt::format("{} pods stay available, fewer than {}", availableSum(check.after), least));
  }
}

void versionsNeverOverlap(const Check& check) {
  if (!check.before.recreate) return;
  for (const Action& action : check.decision.actions) {
    const auto* scale = std::get_if<ScaleReplicaSet>(&action);
    if (scale == nullptr || scale->to <= scale->from) continue;
    for (const ReplicaSet& set : check.before.replica_sets) {
      const bool alive = set.replicas > 0 || set.current_replicas > 0 || set.terminating_replicas > 0;
      if (set.name != scale->name && alive) check.fail(fmt::format("{} starts beside {}", scale->name, set.name));
    }
  }
}

// A controller that has just started knows from the status what it once set.
std::int32_t weightBefore(const World& world) {
  if (world.traffic.applied) return world.traffic.applied->canary_weight;
  return world.status.canary.weights ? world.status.canary.weights->canary.weight : 0;
}

void oneTraffic(const Check& check, const SetTraffic& traffic) {
  const TrafficSetting& setting = traffic.setting;
  if (setting.canary_weight < 0 || setting.canary_weight > traffic.max_weight) {
    check.fail(fmt::format("weight {} is out of range", setting.canary_weight));
  }
  const std::int32_t before = weightBefore(check.before);
  const ReplicaSet* target = byHash(check.before, setting.canary_hash);
  const std::int32_t available = target == nullptr ? 0 : target->available_replicas;
  if (setting.canary_weight > before && available == 0) {
    check.fail(fmt::format("weight {} for a canary with nothing ready", setting.canary_weight));
  }
  if (check.before.status.abort && check.before.status.aborted_at && setting.canary_weight > before &&
      !check.before.status.promote_full) {
    check.fail(fmt::format("the weight rises to {} while aborted", setting.canary_weight));
  }
  const bool aborted = check.before.status.abort && check.before.status.aborted_at;
  if (!setting.managed.empty() && (available == 0 || aborted)) {
    check.fail("requests are routed to a canary that has nothing ready, or was aborted");
  }
  const bool own_scale = std::ranges::any_of(check.canary()->steps, [](const model::Step& step) {
    return std::holds_alternative<model::SetCanaryScaleStep>(step);
  });
  const std::int32_t share = shareOf({check.wanted(), setting.canary_weight, traffic.max_weight});
  const bool with_switch = (own_scale || check.canary()->replica_progress_threshold.has_value()) &&
                           !check.before.extensions.limit_weight_to_ready;
  // Where neither version suffices they share by what each has ready (weight_limit.cc).
  const ReplicaSet* stable = byHash(check.before, setting.stable_hash);
  const std::int32_t left = stable == nullptr ? 0 : stable->available_replicas;
  const std::int32_t rest = traffic.max_weight - setting.canary_weight;
  const bool neither =
      check.before.extensions.limit_weight_to_ready && left < shareOf({check.wanted(), rest, traffic.max_weight}) &&
      std::int64_t{setting.canary_weight} * (available + left) <= std::int64_t{traffic.max_weight} * available;
  if (setting.canary_weight > before && available < share && !with_switch && !neither) {
    check.fail(fmt::format("weight {} needs {} pods, {} are available", setting.canary_weight, share, available));
  }
}

bool carriesTraffic(const World& world, const ReplicaSet& set) {
  if (world.spec.blueGreen() != nullptr) {
    return std::ranges::any_of(world.services, [&](const ServiceView& view) {
      return view.role == ServiceRole::kActive && view.service.selector_hash == set.hash;
    });
  }
  const std::optional<TrafficSetting>& applied = world.traffic.applied;
  if (world.spec.canary() == nullptr || !world.spec.canary()->traffic_routing || !applied) return false;
  const bool canary = applied->canary_weight > 0 || !applied->managed.empty();
  return (applied->canary_hash == set.hash && canary) ||
         (applied->stable_hash == set.hash && applied->canary_weight < world.spec.canary()->maxWeight());
}

void trafficStaysServed(const Check& check) {
  for (const Action& action : check.decision.actions) {
    if (const auto* traffic = std::get_if<SetTraffic>(&action)) oneTraffic(check, *traffic);
    const auto* change = std::get_if<SwitchService>(&action);
    if (change == nullptr || change->role != ServiceRole::kActive) continue;
    const ReplicaSet* target = byHash(check.before, change->hash);
    if (check.wanted() > 0 && (target == nullptr || target->available_replicas == 0)) {
      check.fail(fmt::format("the active service moves to {}, which has nothing ready", change->hash));
    }
  }
  if (check.wanted() == 0) return;
  for (const ReplicaSet& set : check.after.replica_sets) {
    const ReplicaSet* old = byHash(check.before, set.hash);
    const bool emptied = old != nullptr && old->replicas > 0 && set.replicas == 0;
    if (emptied && carriesTraffic(check.after, set))
      check.fail(fmt::format("{} is emptied while it gets traffic", set.name));
    const bool resized = old != nullptr && old->desired_replicas != check.wanted();
    if (emptied && !resized && check.routed() && check.before.traffic.verified == false)
      check.fail(fmt::format("{} is emptied before the data plane does what was set", set.name));
  }
}

void statusIsSound(const Check& check, const model::RolloutStatus& next) {
  const model::RolloutStatus& old = check.before.status;
  const std::int32_t count = check.canary() == nullptr ? 0 : static_cast<std::int32_t>(check.canary()->steps.size());
  const bool invalid = findCondition(next.conditions, model::condition::kInvalidSpec) != nullptr;
  // An invalid spec, or a ReplicaSet that cannot be made, leaves the status of before: until then it is not known what
  // an abort is of, or how many steps there are.
  const bool postponed = invalid || check.before.create_failure.has_value();
  const bool in_range =
      !next.current_step_index || (*next.current_step_index >= 0 && *next.current_step_index <= count);
  if (!in_range && !postponed) {
    check.fail(fmt::format("step index {} of {}", *next.current_step_index, count));
  }
  if (next.canary.weights && check.canary() != nullptr) {
    std::int32_t sum = next.canary.weights->canary.weight + next.canary.weights->stable.weight;
    for (const model::WeightDestination& extra : next.canary.weights->additional) sum += extra.weight;
    if (sum != check.canary()->maxWeight()) check.fail(fmt::format("weights sum to {}", sum));
  }
  if (next.abort && !next.aborted_at && !postponed) check.fail("aborted without a time");
  if (next.abort && !next.pause_conditions.empty() && !postponed) check.fail("aborted and paused");
  const bool retracted = old.stable_rs == old.current_pod_hash || old.promote_full ||
                         next.current_pod_hash != old.current_pod_hash ||
                         next.current_step_hash != old.current_step_hash;
  if (old.abort && !next.abort && !retracted && !invalid) check.fail("an abort was ignored");
  if (next == old) check.fail("a patch that changes nothing");
}

void patchComesLast(const Check& check) {
  std::size_t patches = 0;
  for (const Action& action : check.decision.actions) {
    if (const auto* patch = std::get_if<PatchStatus>(&action)) {
      ++patches;
      statusIsSound(check, patch->next);
    } else if (patches > 0 && !std::holds_alternative<EmitEvent>(action)) {
      check.fail("an action after the status: " + toString(action));
    }
  }
  if (patches > 1) check.fail("two status patches in one decision");
}

// An abort that was carried out leaves no experiment of the rollout running.
void abortStopsExperiments(const Check& check) {
  const model::RolloutStatus& status = check.before.status;
  if (!status.abort || !status.aborted_at || !check.decision.actions.empty() || check.canary() == nullptr) return;
  if (findCondition(status.conditions, model::condition::kInvalidSpec) != nullptr) return;
  for (const ExperimentView& experiment : check.after.experiments) {
    if (!isCompleted(experiment.phase) && !experiment.terminate && !experiment.deleting)
      check.fail(experiment.name + " runs on after an abort");
  }
}

void nothingWaitsForEver(const Check& check) {
  const model::RolloutStatus& status = check.after.status;
  const bool working = status.phase == model::RolloutPhase::kProgressing;
  const model::Step* step = nullptr;
  if (check.canary() != nullptr && status.current_step_index) {
    const auto index = static_cast<std::size_t>(*status.current_step_index);
    if (index < check.canary()->steps.size()) step = &check.canary()->steps[index];
  }
  const bool judged = step != nullptr && std::holds_alternative<model::AnalysisStep>(*step);
  const bool waiting_for_removal = std::ranges::any_of(
      check.after.replica_sets, [](const ReplicaSet& set) { return set.scale_down_deadline.has_value(); });
  const bool analysed = std::ranges::any_of(check.after.analysis_runs,
                                            [](const AnalysisRunView& run) { return !isCompleted(run.phase); });
  const bool tried = std::ranges::any_of(check.after.experiments, [](const ExperimentView& experiment) {
    return experiment.phase != model::AnalysisPhase::kNone && !isCompleted(experiment.phase);
  });
  if (working && check.decision.actions.empty() && !check.decision.look_again_at && !judged && !analysed && !tried &&
      !waiting_for_removal) {
    check.fail("waits without a deadline: " + status.message);
  }
}

}  // namespace

std::vector<std::string> checkInvariants(const World& world, const Decision& decision, WallTime now) {
  std::vector<std::string> broken;
  World after = world;
  for (const Action& action : decision.actions) applyEffect(after, action, now);
  const Check check{world, after, decision, broken};
  budgetHolds(check);
  versionsNeverOverlap(check);
  trafficStaysServed(check);
  patchComesLast(check);
  abortStopsExperiments(check);
  nothingWaitsForEver(check);
  return broken;
}

}  // namespace towpath::rollout
