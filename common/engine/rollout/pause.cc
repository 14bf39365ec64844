// Pause steps, and the fields that tell of pauses and aborts (core-semantics 3.11).
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

const model::PauseCondition* findPause(const model::RolloutStatus& status, model::PauseReason reason) {
  const auto found = std::ranges::find(status.pause_conditions, reason, &model::PauseCondition::reason);
  return found == status.pause_conditions.end() ? nullptr : &*found;
}

void clearPauses(model::RolloutStatus& status) {
  status.pause_conditions.clear();
  status.controller_pause = false;
}

void announce(Pass& pass) {
  const bool before = !pass.old().pause_conditions.empty();
  const bool after = !pass.next.pause_conditions.empty();
  if (!before && after) {
    eventAfterPatch(pass, "RolloutPaused",
                    fmt::format("Rollout is paused ({})", model::toString(pass.next.pause_conditions.front().reason)));
  } else if (before && !after && !pass.next.aborted_at) {
    eventAfterPatch(pass, "RolloutResumed", "Rollout is resumed");
  }
}

}  // namespace

bool reconcilePauseStep(Pass& pass) {
  if (pass.spec().paused || isAborted(pass)) return false;
  const model::Step* step = currentStep(pass);
  const auto* pause = step == nullptr ? nullptr : std::get_if<model::PauseStep>(step);
  if (pause == nullptr) return false;
  const model::PauseCondition* condition = findPause(pass.old(), model::PauseReason::kCanaryPauseStep);
  if (condition == nullptr) {
    // controllerPause without a condition: a person went on, and the step completes.
    if (pass.old().controller_pause) return false;
    addPause(pass, model::PauseReason::kCanaryPauseStep);
    if (pause->duration) lookAgain(pass, pass.stamp + *pause->duration);
    return true;
  }
  const bool waiting = !pauseStepCompleted(pass, *pause);
  if (waiting && pause->duration) lookAgain(pass, condition->start_time + *pause->duration);
  return waiting;
}

bool pauseStepCompleted(const Pass& pass, const model::PauseStep& step) {
  const model::PauseCondition* condition = findPause(pass.old(), model::PauseReason::kCanaryPauseStep);
  if (condition == nullptr) return pass.old().controller_pause;
  return step.duration && pass.now >= condition->start_time + *step.duration;
}

void writePauses(Pass& pass) {
  model::RolloutStatus& next = pass.next;
  if (isAborted(pass)) {
    next.abort = true;
    // An abort ends a full promotion as well. One that a person asks for later is seen, and takes the abort back.
    next.promote_full = false;
    next.aborted_at = pass.old().aborted_at && pass.old().abort ? pass.old().aborted_at : pass.stamp;
    clearPauses(next);
    announce(pass);
    return;
  }
  next.abort = false;
  next.aborted_at.reset();
  if (pass.intent.clear) {
    clearPauses(next);
    announce(pass);
    return;
  }
  next.pause_conditions = pass.old().pause_conditions;
  std::erase_if(next.pause_conditions, [&](const model::PauseCondition& condition) {
    return std::ranges::find(pass.intent.remove, condition.reason) != pass.intent.remove.end();
  });
  bool added = false;
  for (const model::PauseReason reason : pass.intent.add) {
    if (hasPause(next, reason)) continue;
    next.pause_conditions.push_back({reason, pass.stamp});
    added = true;
  }
  const bool paused = !next.pause_conditions.empty() && (pass.old().controller_pause || added);
  next.controller_pause = paused || (pass.intent.keep_resumed && pass.old().controller_pause);
  announce(pass);
}

}  // namespace towpath::rollout
