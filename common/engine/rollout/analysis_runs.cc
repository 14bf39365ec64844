// Which AnalysisRuns a Rollout needs, stops and deletes, and what their verdicts mean (core-semantics 8.9).
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

using model::AnalysisPhase;
using model::AnalysisRunRef;

enum class Wish : std::uint8_t {
  kRun,     // there must be one
  kKeep,    // what is there goes on, nothing new starts
  kFinish,  // what is there is stopped; its result stays in the status
  kNone,    // what is there is stopped and forgotten
};

// One of the four places of the status that name a run.
struct Slot {
  AnalysisType type;
  const std::optional<AnalysisRunRef>& before;
  std::optional<AnalysisRunRef>& after;
  const char* failure_text;  // before "phase error/failed"
};

const AnalysisRunView* findRun(const Pass& pass, std::string_view name) {
  const auto found = std::ranges::find(pass.world.analysis_runs, name, &AnalysisRunView::name);
  return found == pass.world.analysis_runs.end() ? nullptr : &*found;
}

std::optional<std::int32_t> stepOf(const Pass& pass, AnalysisType type) {
  if (type != AnalysisType::kStep) return std::nullopt;
  return stepIndex(pass);
}

std::string baseName(const Pass& pass, AnalysisType type) {
  const std::string base = fmt::format("{}-{}-{}", pass.in.name, newHash(pass), pass.world.revision.value_or(0));
  switch (type) {
    case AnalysisType::kStep:
      return fmt::format("{}-{}", base, stepIndex(pass));
    case AnalysisType::kBackground:
      return base;
    case AnalysisType::kPrePromotion:
      return base + "-pre";
    case AnalysisType::kPostPromotion:
      return base + "-post";
  }
  return base;
}

std::string freeName(const Pass& pass, AnalysisType type) {
  const std::string base = baseName(pass, type);
  std::string name = base;
  for (int i = 1; findRun(pass, name) != nullptr; ++i) name = fmt::format("{}.{}", base, i);
  return name;
}

// A run that was made for this very purpose, but whose name did not reach the status: by this turn's StartAnalysis, or
// by a controller that stopped in between.
const AnalysisRunView* adoptable(const Pass& pass, AnalysisType type, std::string_view not_this) {
  const AnalysisRunView* best = nullptr;
  for (const AnalysisRunView& run : pass.world.analysis_runs) {
    const bool fits = run.type == type && run.hash == newHash(pass) && run.revision == pass.world.revision &&
                      run.step_index == stepOf(pass, type) && run.name != not_this;
    if (!fits || isCompleted(run.phase) || run.terminate || run.deleting) continue;
    if (best == nullptr || run.creation_time > best->creation_time) best = &run;
  }
  return best;
}

// A person went on after a verdict that left it open. It has to be the one that the status told them of: what a run has
// just found is news, however the pause before it ended.
bool needsNewRun(const Pass& pass, const AnalysisRunView* run, const std::optional<AnalysisRunRef>& told) {
  if (run == nullptr) return true;
  const model::RolloutStatus& old = pass.old();
  const bool resumed = old.controller_pause && !hasPause(old, model::PauseReason::kCanaryPauseStep) &&
                       !hasPause(old, model::PauseReason::kBlueGreenPause) &&
                       !hasPause(old, model::PauseReason::kInconclusiveAnalysisRun) &&
                       !hasPause(old, model::PauseReason::kWebhookGate);
  const bool open = told && told->name == run->name && told->phase == AnalysisPhase::kInconclusive;
  if (resumed && open) return true;
  return old.aborted_at.has_value() && !old.abort;  // a retry
}

void stop(Pass& pass, const AnalysisRunView* run) {
  if (run == nullptr || isCompleted(run->phase) || run->terminate || run->deleting) return;
  act(pass, StopAnalysis{run->name});
}

std::optional<AnalysisRunRef> refOf(const AnalysisRunView& run) {
  return AnalysisRunRef{run.name, run.phase, run.message};
}

void announce(Pass& pass, const Slot& slot) {
  if (!slot.after || slot.after->phase == AnalysisPhase::kNone) return;
  const bool same_run = slot.before && slot.before->name == slot.after->name;
  if (same_run && slot.before->phase == slot.after->phase) return;
  const char* previous =
      same_run && slot.before->phase != AnalysisPhase::kNone ? toString(slot.before->phase) : "NoPreviousStatus";
  const bool bad = slot.after->phase == AnalysisPhase::kFailed || slot.after->phase == AnalysisPhase::kError;
  eventAfterPatch(pass, fmt::format("AnalysisRun{}", toString(slot.after->phase)),
                  fmt::format("{} Analysis Run '{}' Status New: '{}' Previous: '{}'", toString(slot.type),
                              slot.after->name, toString(slot.after->phase), previous),
                  bad ? EventType::kWarning : EventType::kNormal);
}

void judge(Pass& pass, const Slot& slot) {
  if (!slot.after) return;
  const AnalysisPhase phase = slot.after->phase;
  if (phase == AnalysisPhase::kInconclusive && !hasPause(pass.old(), model::PauseReason::kInconclusiveAnalysisRun)) {
    addPause(pass, model::PauseReason::kInconclusiveAnalysisRun);
  } else if (phase == AnalysisPhase::kFailed || phase == AnalysisPhase::kError) {
    std::string message = fmt::format("{} phase error/failed", slot.failure_text);
    if (!slot.after->message.empty()) message += ": " + slot.after->message;
    abortWith(pass, std::move(message));
  }
}

void startRun(Pass& pass, AnalysisType type) {
  StartAnalysis start;
  start.type = type;
  start.step_index = stepOf(pass, type);
  start.name = freeName(pass, type);
  start.hash = newHash(pass);
  start.revision = pass.world.revision.value_or(0);
  start.latest_hash = start.hash;
  start.stable_hash = pass.old().stable_rs;
  act(pass, std::move(start));
  pass.decision.decide_again = true;
}

// True: a run was started, and the pass ends here.
bool reconcile(Pass& pass, const Slot& slot, Wish wish) {
  const AnalysisRunView* run = slot.before ? findRun(pass, slot.before->name) : nullptr;
  // One that ended and was cleaned up by somebody still has its verdict in the status.
  const bool gone_but_known = slot.before && run == nullptr && isCompleted(slot.before->phase);
  switch (wish) {
    case Wish::kNone:
      stop(pass, run);
      slot.after.reset();
      return false;
    case Wish::kFinish:
      stop(pass, run);
      slot.after = run != nullptr ? refOf(*run) : slot.before;
      announce(pass, slot);
      return false;
    case Wish::kKeep:
      slot.after = run != nullptr ? refOf(*run) : slot.before;
      break;
    case Wish::kRun:
      if (gone_but_known && !pass.old().aborted_at) {
        slot.after = slot.before;
        break;
      }
      if (needsNewRun(pass, run, slot.before)) {
        run = adoptable(pass, slot.type, run == nullptr ? std::string_view{} : std::string_view{run->name});
        if (run == nullptr) {
          startRun(pass, slot.type);
          return true;
        }
      }
      slot.after = refOf(*run);
      break;
  }
  announce(pass, slot);
  judge(pass, slot);
  return false;
}

bool noneMayRun(const Pass& pass) {
  return fullyPromoted(pass) || isAborted(pass) || promotesFully(pass) || isFastRollback(pass) ||
         pass.old().stable_rs.empty() || stableSet(pass) == nullptr;
}

bool isNamed(const std::optional<AnalysisRunRef>& ref, const std::string& name) { return ref && ref->name == name; }

bool isCurrent(const Pass& pass, const AnalysisRunView& run) {
  const model::RolloutStatus& next = pass.next;
  return isNamed(next.canary.step_analysis, run.name) || isNamed(next.canary.background_analysis, run.name) ||
         isNamed(next.blue_green.pre_promotion_analysis, run.name) ||
         isNamed(next.blue_green.post_promotion_analysis, run.name);
}

bool ofLivingSet(const Pass& pass, const AnalysisRunView& run) {
  return !run.hash.empty() && std::ranges::any_of(pass.world.replica_sets, [&](const ReplicaSet& set) {
    return set.hash == run.hash && !set.deleting;
  });
}

std::vector<const AnalysisRunView*> oldRunsNewestFirst(const Pass& pass) {
  std::vector<const AnalysisRunView*> runs;
  for (const AnalysisRunView& run : pass.world.analysis_runs) {
    if (!isCurrent(pass, run) && !run.deleting) runs.push_back(&run);
  }
  std::ranges::sort(runs, [](const AnalysisRunView* a, const AnalysisRunView* b) {
    return std::tie(a->creation_time, a->name) > std::tie(b->creation_time, b->name);
  });
  return runs;
}

void collectOldRuns(Pass& pass) {
  std::int32_t successful = 0;
  std::int32_t unsuccessful = 0;
  for (const AnalysisRunView* run : oldRunsNewestFirst(pass)) {
    if (!ofLivingSet(pass, *run)) {
      act(pass, DeleteAnalysisRun{run->name});
      continue;
    }
    if (!isCompleted(run->phase)) {
      stop(pass, run);
      continue;
    }
    const bool good = run->phase == AnalysisPhase::kSuccessful;
    const std::int32_t kept = good ? ++successful : ++unsuccessful;
    const std::int32_t limit =
        good ? pass.spec().successful_run_history_limit : pass.spec().unsuccessful_run_history_limit;
    if (kept > limit) act(pass, DeleteAnalysisRun{run->name});
  }
}

Wish stepWish(const Pass& pass, const model::AnalysisStep* step) {
  if (noneMayRun(pass) || step == nullptr || !step->analysis.configured()) return Wish::kNone;
  const std::optional<AnalysisRunRef>& before = pass.old().canary.step_analysis;
  const AnalysisRunView* run = before ? findRun(pass, before->name) : nullptr;
  const bool of_other_step = run != nullptr && run->step_index != stepIndex(pass);
  if (of_other_step) return Wish::kNone;
  return pass.old().pause_conditions.empty() && !pass.spec().paused ? Wish::kRun : Wish::kKeep;
}

Wish backgroundWish(const Pass& pass, const std::optional<model::BackgroundAnalysis>& background) {
  if (noneMayRun(pass) || !background || !background->analysis.configured()) return Wish::kNone;
  if (hasPause(pass.old(), model::PauseReason::kInconclusiveAnalysisRun)) return Wish::kKeep;
  if (background->starting_step && stepIndex(pass) < *background->starting_step) return Wish::kNone;
  return Wish::kRun;
}

Wish prePromotionWish(const Pass& pass) {
  const std::optional<model::AnalysisRef>& ref = pass.spec().blueGreen()->pre_promotion_analysis;
  if (!ref || !ref->configured()) return Wish::kNone;
  const model::Service* active = findService(pass, ServiceRole::kActive);
  const bool switched = active == nullptr || active->selector_hash.empty() || active->selector_hash == newHash(pass);
  if (noneMayRun(pass) || switched) return Wish::kFinish;
  if (hasPause(pass.old(), model::PauseReason::kInconclusiveAnalysisRun)) return Wish::kKeep;
  const std::optional<AnalysisRunRef>& before = pass.old().blue_green.pre_promotion_analysis;
  const bool started = before.has_value() && !pass.old().aborted_at;
  const bool ready = isSaturated(pass, newSet(pass)) || previewIsReady(pass);
  return started || ready ? Wish::kRun : Wish::kKeep;
}

Wish postPromotionWish(const Pass& pass) {
  const std::optional<model::AnalysisRef>& ref = pass.spec().blueGreen()->post_promotion_analysis;
  if (!ref || !ref->configured()) return Wish::kNone;
  const model::Service* active = findService(pass, ServiceRole::kActive);
  const bool serves = active != nullptr && active->selector_hash == newHash(pass);
  if (noneMayRun(pass) || !serves) return Wish::kFinish;
  if (hasPause(pass.old(), model::PauseReason::kInconclusiveAnalysisRun)) return Wish::kKeep;
  const bool started = pass.old().blue_green.post_promotion_analysis.has_value() && !pass.old().aborted_at;
  return started || isSaturated(pass, newSet(pass)) ? Wish::kRun : Wish::kKeep;
}

}  // namespace

AnalysisResult reconcileCanaryAnalysis(Pass& pass) {
  const model::CanaryStrategy& canary = *pass.spec().canary();
  const model::Step* current = currentStep(pass);
  const auto* step = current == nullptr ? nullptr : std::get_if<model::AnalysisStep>(current);
  const Slot background{.type = AnalysisType::kBackground,
                        .before = pass.in.status.canary.background_analysis,
                        .after = pass.next.canary.background_analysis,
                        .failure_text = "Background analysis"};
  const Slot of_step{.type = AnalysisType::kStep,
                     .before = pass.in.status.canary.step_analysis,
                     .after = pass.next.canary.step_analysis,
                     .failure_text = "Step-based analysis"};
  if (reconcile(pass, background, backgroundWish(pass, canary.analysis))) return AnalysisResult::kAskAgain;
  if (reconcile(pass, of_step, stepWish(pass, step))) return AnalysisResult::kAskAgain;
  collectOldRuns(pass);
  return AnalysisResult::kDone;
}

AnalysisResult reconcileBlueGreenAnalysis(Pass& pass) {
  const Slot pre{.type = AnalysisType::kPrePromotion,
                 .before = pass.in.status.blue_green.pre_promotion_analysis,
                 .after = pass.next.blue_green.pre_promotion_analysis,
                 .failure_text = "Blue/green pre-promotion analysis"};
  const Slot post{.type = AnalysisType::kPostPromotion,
                  .before = pass.in.status.blue_green.post_promotion_analysis,
                  .after = pass.next.blue_green.post_promotion_analysis,
                  .failure_text = "Blue/green post-promotion analysis"};
  if (reconcile(pass, pre, prePromotionWish(pass))) return AnalysisResult::kAskAgain;
  if (reconcile(pass, post, postPromotionWish(pass))) return AnalysisResult::kAskAgain;
  collectOldRuns(pass);
  return AnalysisResult::kDone;
}

}  // namespace towpath::rollout
