// The conditions of a Rollout (core-semantics 1.8, 3.15, 10.4).
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {

void abortOnDeadline(Pass& pass);

namespace {

using model::Condition;
using model::ConditionStatus;
using model::ConditionWrite;

bool put(Pass& pass, const char* type, ConditionStatus status, const char* reason, std::string message,
         ConditionWrite write = ConditionWrite::kIfChanged) {
  return setCondition(pass.next.conditions, Condition{type, status, reason, std::move(message), pass.stamp, pass.stamp},
                      write);
}

bool isPausedNow(const Pass& pass) { return pass.spec().paused || !pass.next.pause_conditions.empty(); }

bool isCompletedNow(const Pass& pass) {
  return !pass.next.stable_rs.empty() && pass.next.stable_rs == pass.next.current_pod_hash;
}

// All wanted pods are of the new version and available, and it gets all traffic.
bool isWhole(const Pass& pass) {
  const model::RolloutStatus& next = pass.next;
  if (next.updated_replicas != pass.wanted() || next.available_replicas != pass.wanted()) return false;
  if (const model::BlueGreenStrategy* blue_green = pass.spec().blueGreen()) {
    const bool preview =
        blue_green->preview_service.empty() || next.blue_green.preview_selector == next.current_pod_hash;
    return preview && next.blue_green.active_selector == next.current_pod_hash;
  }
  const bool all_steps =
      steps(pass).empty() || next.current_step_index == static_cast<std::int32_t>(steps(pass).size());
  return all_steps && isCompletedNow(pass) && next.replicas == pass.wanted();
}

bool madeProgress(const Pass& pass) {
  const model::RolloutStatus& old = pass.old();
  const model::RolloutStatus& next = pass.next;
  if (old.current_pod_hash != next.current_pod_hash) return true;
  if (old.updated_replicas != next.updated_replicas) return true;
  if (next.replicas - next.updated_replicas < old.replicas - old.updated_replicas) return true;
  if (next.ready_replicas > old.ready_replicas || next.available_replicas > old.available_replicas) return true;
  if (pass.spec().blueGreen() != nullptr) {
    return old.blue_green.active_selector != next.blue_green.active_selector ||
           old.blue_green.preview_selector != next.blue_green.preview_selector;
  }
  const bool step_moved =
      old.current_step_index && next.current_step_index && old.current_step_index != next.current_step_index;
  return step_moved || old.stable_rs != next.stable_rs || old.current_step_hash != next.current_step_hash;
}

// An experiment has deadlines of its own, once somebody has taken it up.
bool isIndefiniteStep(const Pass& pass) {
  const model::Step* step = currentStep(pass);
  if (step == nullptr) return false;
  if (std::holds_alternative<model::ExperimentStep>(*step)) return experimentIsTakenUp(pass);
  return std::holds_alternative<model::PauseStep>(*step) || std::holds_alternative<model::AnalysisStep>(*step);
}

// Old versions that are kept for a while yet. A deadline that has passed is no reason to wait: what is scaled down then
// may hang on the very update that does not get on.
std::optional<WallTime> othersWaitUntil(const Pass& pass) {
  std::optional<WallTime> until;
  for (const ReplicaSet* set : otherSets(pass)) {
    const bool waits = set->replicas > 0 && set->scale_down_deadline && *set->scale_down_deadline > pass.now;
    if (waits && (!until || *set->scale_down_deadline > *until)) until = set->scale_down_deadline;
  }
  return until;
}

// A delay of 0 means that old versions stay (scale_down.cc): once the new one is whole, there is nothing to wait for.
bool othersStay(const Pass& pass) {
  if (!trafficRouted(pass) || !isCompletedNow(pass)) return false;
  const ReplicaSet* fresh = newSet(pass);
  const bool whole = fresh->available_replicas >= pass.wanted() && fresh->current_replicas == pass.wanted();
  return whole && pass.spec().canary()->scale_down_delay_seconds == 0;
}

WallTime deadlineOf(const Pass& pass, const Condition& progressing) {
  return progressing.last_update_time + std::chrono::seconds(pass.spec().progress_deadline_seconds);
}

bool deadlineApplies(const Pass& pass) {
  return !isIndefiniteStep(pass) && !isPausedNow(pass) && !othersWaitUntil(pass) && !othersStay(pass);
}

bool isTimedOut(const Pass& pass, const model::Conditions& conditions) {
  const Condition* progressing = findCondition(conditions, model::condition::kProgressing);
  if (progressing == nullptr || progressing->reason == model::reason::kAborted ||
      progressing->reason == model::reason::kPaused) {
    return false;
  }
  return progressing->reason == model::reason::kProgressDeadlineExceeded || deadlineOf(pass, *progressing) < pass.now;
}

std::string timeoutText(const Pass& pass) {
  return fmt::format("ReplicaSet \"{}\" has timed out progressing.", newSet(pass)->name);
}

void writeAborted(Pass& pass) {
  std::string message = fmt::format("Rollout aborted update to revision {}", pass.world.revision.value_or(0));
  if (pass.intent.abort && !pass.intent.abort->empty()) message += ": " + *pass.intent.abort;
  const bool changed =
      put(pass, model::condition::kProgressing, ConditionStatus::kFalse, model::reason::kAborted, message);
  if (changed) eventAfterPatch(pass, model::reason::kAborted, message, EventType::kWarning);
}

// What was held back goes on: the progress timer starts anew.
void writeResumed(Pass& pass) {
  const char* type = model::condition::kProgressing;
  const bool was_paused = hasReason(pass.next.conditions, type, model::reason::kPaused);
  if (was_paused && !isPausedNow(pass) && !isCompletedNow(pass)) {
    put(pass, type, ConditionStatus::kUnknown, model::reason::kResumed, "Rollout is resumed");
  }
  if (hasReason(pass.next.conditions, type, model::reason::kAborted)) {
    put(pass, type, ConditionStatus::kUnknown, model::reason::kRetry, "Retrying Rollout after abort");
  }
}

void writeProgressDeadline(Pass& pass) {
  const Condition* progressing = findCondition(pass.next.conditions, model::condition::kProgressing);
  if (progressing == nullptr) return;
  if (!deadlineApplies(pass)) {
    if (const std::optional<WallTime> until = othersWaitUntil(pass)) lookAgain(pass, *until + 1s);
    return;
  }
  if (isTimedOut(pass, pass.next.conditions)) {
    put(pass, model::condition::kProgressing, ConditionStatus::kFalse, model::reason::kProgressDeadlineExceeded,
        timeoutText(pass));
    return;
  }
  lookAgain(pass, deadlineOf(pass, *progressing) + 1s);
}

void writeProgressing(Pass& pass, bool became_unhealthy) {
  if (isAborted(pass)) {
    writeAborted(pass);
    return;
  }
  const char* type = model::condition::kProgressing;
  if (findCondition(pass.next.conditions, type) == nullptr) {
    put(pass, type, ConditionStatus::kTrue, model::reason::kFoundNewReplicaSet,
        fmt::format("Found new replica set \"{}\"", newSet(pass)->name));
  }
  writeResumed(pass);
  if (isPausedNow(pass) && !isCompletedNow(pass)) {
    put(pass, type, ConditionStatus::kUnknown, model::reason::kPaused, "Rollout is paused");
    return;
  }
  if (isWhole(pass)) {
    put(pass, type, ConditionStatus::kTrue, model::reason::kNewReplicaSetAvailable,
        fmt::format("ReplicaSet \"{}\" has successfully progressed.", newSet(pass)->name));
  } else if (became_unhealthy && isCompletedNow(pass)) {
    put(pass, type, ConditionStatus::kTrue, model::reason::kReplicaSetNotAvailable,
        "Rollout does not have minimum availability", ConditionWrite::kAlways);
  } else if (became_unhealthy || madeProgress(pass)) {
    put(pass, type, ConditionStatus::kTrue, model::reason::kReplicaSetUpdated,
        fmt::format("ReplicaSet \"{}\" is progressing.", newSet(pass)->name), ConditionWrite::kAlways);
    writeProgressDeadline(pass);
  } else {
    writeProgressDeadline(pass);
  }
}

void writeAvailable(Pass& pass) {
  bool available = false;
  if (pass.spec().blueGreen() != nullptr) {
    const model::Service* active = findService(pass, ServiceRole::kActive);
    const auto set = active == nullptr
                         ? pass.world.replica_sets.end()
                         : std::ranges::find(pass.world.replica_sets, active->selector_hash, &ReplicaSet::hash);
    available = set != pass.world.replica_sets.end() && !active->selector_hash.empty() && isSaturated(pass, &*set);
  } else {
    available = pass.next.available_replicas >= pass.wanted();
  }
  put(pass, model::condition::kAvailable, available ? ConditionStatus::kTrue : ConditionStatus::kFalse,
      model::reason::kAvailable,
      available ? "Rollout has minimum availability" : "Rollout does not have minimum availability");
}

void writeCompleted(Pass& pass) {
  const bool completed = isCompletedNow(pass);
  const bool changed =
      put(pass, model::condition::kCompleted, completed ? ConditionStatus::kTrue : ConditionStatus::kFalse,
          model::reason::kCompleted, model::reason::kCompleted);
  if (changed && !completed) {
    eventAfterPatch(pass, "RolloutNotCompleted",
                    fmt::format("Rollout not completed, started update to revision {} ({})",
                                pass.world.revision.value_or(0), pass.next.current_pod_hash));
  }
}

// True if the rollout was healthy and is not any more.
bool writeHealthy(Pass& pass) {
  const Condition* before = findCondition(pass.next.conditions, model::condition::kHealthy);
  const bool was_healthy = before != nullptr && before->status == ConditionStatus::kTrue;
  if (isWhole(pass) && !isPausedNow(pass)) {
    put(pass, model::condition::kHealthy, ConditionStatus::kTrue, model::reason::kHealthy, "Rollout is healthy");
  } else if (before != nullptr) {
    put(pass, model::condition::kHealthy, ConditionStatus::kFalse, model::reason::kHealthy, "Rollout is not healthy");
    return was_healthy;
  }
  return false;
}

void writePaused(Pass& pass) {
  const bool paused = isPausedNow(pass) && !isAborted(pass) && !isCompletedNow(pass);
  const bool known = findCondition(pass.next.conditions, model::condition::kPaused) != nullptr;
  if (!paused && !known && !isPausedNow(pass)) return;
  if (!known && isAborted(pass)) return;
  const ConditionStatus status =
      isPausedNow(pass) && !isAborted(pass) ? ConditionStatus::kTrue : ConditionStatus::kFalse;
  put(pass, model::condition::kPaused, status, model::reason::kPaused, "Rollout is paused");
}

void writeReplicaFailure(Pass& pass) {
  const ReplicaSet* failed = newSet(pass)->failure ? newSet(pass) : nullptr;
  for (const ReplicaSet& set : pass.world.replica_sets) {
    if (failed == nullptr && set.failure) failed = &set;
  }
  if (failed == nullptr) {
    removeCondition(pass.next.conditions, model::condition::kReplicaFailure);
    return;
  }
  put(pass, model::condition::kReplicaFailure, failed->failure->status, failed->failure->reason.c_str(),
      failed->failure->message);
}

}  // namespace

void abortOnDeadline(Pass& pass) {
  if (!pass.spec().progress_deadline_abort || isAborted(pass) || isCompletedNow(pass) || madeProgress(pass)) return;
  if (!deadlineApplies(pass) || !isTimedOut(pass, pass.old().conditions)) return;
  const std::string message = timeoutText(pass);
  eventAfterPatch(pass, model::reason::kAborted, message, EventType::kWarning);
  abortWith(pass, message);
}

void writeConditions(Pass& pass) {
  if (!pass.in.still_invalid) removeCondition(pass.next.conditions, model::condition::kInvalidSpec);
  const bool became_unhealthy = writeHealthy(pass);
  writeCompleted(pass);
  writeProgressing(pass, became_unhealthy);
  writeAvailable(pass);
  writePaused(pass);
  writeReplicaFailure(pass);
  writeWaiting(pass);
}

void writeInvalid(Pass& pass, const std::string& error) {
  const std::string message = fmt::format("The Rollout \"{}\" is invalid: {}", pass.in.name, error);
  const Condition* before = findCondition(pass.next.conditions, model::condition::kInvalidSpec);
  if (before == nullptr || before->message != message) {
    removeCondition(pass.next.conditions, model::condition::kInvalidSpec);
    put(pass, model::condition::kInvalidSpec, ConditionStatus::kTrue, model::reason::kInvalidSpec, message);
  }
  pass.next.phase = model::RolloutPhase::kDegraded;
  pass.next.message = fmt::format("{}: {}", model::reason::kInvalidSpec, message);
}

void reportInvalid(Pass& pass, const std::string& error) {
  pass.next = pass.old();
  pass.next.observed_generation = std::to_string(pass.in.generation);
  writeInvalid(pass, error);
  if (pass.next != pass.old()) act(pass, PatchStatus{pass.next, false});
  // What is missing may turn up without an event that concerns this Rollout.
  lookAgain(pass, pass.now + 10s);
}

}  // namespace towpath::rollout
