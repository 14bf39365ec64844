// The blue-green strategy (core-semantics 3.7, 3.17): the new version comes up beside the active one, is looked at
// through the preview service, and takes over in one switch of the active service.
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

const model::BlueGreenStrategy& strategy(const Pass& pass) { return *pass.spec().blueGreen(); }

std::string activeHash(const Pass& pass) {
  const model::Service* active = findService(pass, ServiceRole::kActive);
  return active == nullptr ? "" : active->selector_hash;
}

// A gate of a webhook stands behind the pause: it changes no size.
bool isPausedByStatusOrSpec(const Pass& pass) {
  return pass.spec().paused || std::ranges::any_of(pass.old().pause_conditions, [](const model::PauseCondition& pause) {
           return pause.reason != model::PauseReason::kWebhookGate;
         });
}

std::int32_t previewSize(const Pass& pass) {
  const std::optional<std::int32_t> preview = strategy(pass).preview_replica_count;
  if (!preview) return pass.wanted();
  const std::string active = activeHash(pass);
  const bool exists = std::ranges::any_of(pass.world.replica_sets,
                                          [&](const ReplicaSet& set) { return !active.empty() && set.hash == active; });
  if (!exists || active == newHash(pass) || promotesFully(pass)) return pass.wanted();
  if (pass.old().blue_green.scale_up_preview_checkpoint && !isPausedByStatusOrSpec(pass)) return pass.wanted();
  return std::min(*preview, pass.wanted());
}

bool prePromotionPassed(const Pass& pass) {
  const std::optional<model::AnalysisRef>& ref = strategy(pass).pre_promotion_analysis;
  if (!ref || !ref->configured()) return true;
  const std::optional<model::AnalysisRunRef>& run = pass.old().blue_green.pre_promotion_analysis;
  return run && run->phase == model::AnalysisPhase::kSuccessful;
}

bool isFastTracked(const Pass& pass) {
  const std::string active = activeHash(pass);
  return isFastRollback(pass) || promotesFully(pass) || active.empty() || active == newHash(pass);
}

const model::PauseCondition* bluePause(const Pass& pass) {
  const auto found = std::ranges::find(pass.old().pause_conditions, model::PauseReason::kBlueGreenPause,
                                       &model::PauseCondition::reason);
  return found == pass.old().pause_conditions.end() ? nullptr : &*found;
}

WallTime autoPromotionAt(const Pass& pass, WallTime start) {
  return start + std::chrono::seconds(strategy(pass).auto_promotion_seconds);
}

// A cleared condition with controllerPause left is a person who goes on, with or without a timer. (The peer restarts
// the timer then; docs/compatibility.md.)
bool pauseCompleted(const Pass& pass) {
  const bool added = std::ranges::find(pass.intent.add, model::PauseReason::kBlueGreenPause) != pass.intent.add.end();
  if (added) return false;
  if (pass.old().blue_green.scale_up_preview_checkpoint) return true;
  const bool automatic = strategy(pass).auto_promotion_enabled;
  if (automatic && strategy(pass).auto_promotion_seconds <= 0) return true;
  const model::PauseCondition* pause = bluePause(pass);
  if (pause == nullptr) return pass.old().controller_pause;
  return automatic && pass.now >= autoPromotionAt(pass, pause->start_time);
}

void endPause(Pass& pass) { pass.intent.remove.push_back(model::PauseReason::kBlueGreenPause); }

void reconcilePause(Pass& pass) {
  if (isAborted(pass) || !previewIsReady(pass) || isHalted(pass)) return;
  const model::BlueGreenStrategy& spec = strategy(pass);
  const bool unneeded = spec.auto_promotion_enabled && spec.auto_promotion_seconds <= 0;
  if (isFastTracked(pass) || pass.old().blue_green.scale_up_preview_checkpoint || unneeded) {
    endPause(pass);
    return;
  }
  if (!prePromotionPassed(pass)) return;
  const model::PauseCondition* pause = bluePause(pass);
  if (pause == nullptr) {
    if (pass.old().controller_pause) return;
    addPause(pass, model::PauseReason::kBlueGreenPause);
    if (spec.auto_promotion_enabled) lookAgain(pass, autoPromotionAt(pass, pass.stamp));
    return;
  }
  if (pauseCompleted(pass)) {
    endPause(pass);
  } else if (spec.auto_promotion_enabled) {
    lookAgain(pass, autoPromotionAt(pass, pause->start_time));
  }
}

void writeCheckpoint(Pass& pass) {
  bool& checkpoint = pass.next.blue_green.scale_up_preview_checkpoint;
  const std::optional<std::int32_t> preview = strategy(pass).preview_replica_count;
  if (!preview) {
    checkpoint = false;
    return;
  }
  if (isAborted(pass) || activeHash(pass).empty() || activeHash(pass) == newHash(pass)) return;
  const bool at_preview = newSet(pass)->available_replicas == std::min(*preview, pass.wanted());
  if (prePromotionPassed(pass) && pauseCompleted(pass) && at_preview) checkpoint = true;
}

void switchActive(Pass& pass) {
  if (isAborted(pass)) {
    // Back at once, as soon as the stable version can answer; whether the new one is whole does not matter any more.
    const ReplicaSet* stable = stableSet(pass);
    if (sizeOf(stable).available > 0 || pass.wanted() == 0)
      switchService(pass, ServiceRole::kActive, stable, ServiceCheck::kNone);
    return;
  }
  const ReplicaSet* fresh = newSet(pass);
  const bool whole = !isHalted(pass) && previewIsReady(pass) && isSaturated(pass, fresh);
  if (!whole || !(isFastTracked(pass) || (switchIsDue(pass) && !pass.held))) return;
  switchService(pass, ServiceRole::kActive, fresh, ServiceCheck::kNone);
}

void scaleSets(Pass& pass) {
  clearDeadlines(pass);
  const ReplicaSet* stable = stableSet(pass);
  if (stable != nullptr && !newIsStable(pass)) scale(pass, stable->name, pass.wanted());
  const ReplicaSet* fresh = newSet(pass);
  std::int32_t target = previewSize(pass);
  const bool held = holdAborted(pass, target) || pass.held;
  scale(pass, fresh->name, held ? fresh->replicas : target);
  scaleDownOthersBlueGreen(pass);
  collectHistory(pass);
}

void finish(Pass& pass) {
  if (promotesFully(pass)) {
    pass.intent.clear = true;
    pass.intent.remove_abort = true;
  }
  pass.intent.keep_resumed = activeHash(pass) != newHash(pass) && !pass.start_opened;
  pass.next.blue_green.active_selector = activeHash(pass);
  const std::optional<std::string> reason = promotionReason(pass);
  if (reason) {
    promote(pass, *reason);
  } else {
    writeCheckpoint(pass);
  }
  scaleDownWorkload(pass, reason.has_value());
  finishStatus(pass);
}

}  // namespace

bool isSaturated(const Pass& pass, const ReplicaSet* set) {
  return set != nullptr && set->replicas == pass.wanted() && set->available_replicas >= pass.wanted() &&
         set->desired_replicas == pass.wanted();
}

bool previewIsReady(const Pass& pass) {
  const std::int32_t size = previewSize(pass);
  return newSet(pass)->replicas == size && newSet(pass)->available_replicas >= size;
}

bool switchIsDue(const Pass& pass) {
  return !isHalted(pass) && !isFastTracked(pass) && previewIsReady(pass) && isSaturated(pass, newSet(pass)) &&
         pauseCompleted(pass) && prePromotionPassed(pass);
}

void decideBlueGreen(Pass& pass) {
  restartPods(pass);
  reconcileWebhooks(pass);
  scaleSets(pass);
  reconcilePause(pass);
  switchActive(pass);
  if (reconcileBlueGreenAnalysis(pass) == AnalysisResult::kAskAgain) return;
  reconcileMetadata(pass);
  finish(pass);
}

}  // namespace towpath::rollout
