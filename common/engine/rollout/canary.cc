// The canary strategy (core-semantics 3.6, 5): services, traffic, analysis, sizes, pause; at most one step completes a
// pass.
#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

// Halted rollouts keep their sizes, except for an abort and for a new number of replicas: people expect both to work.
bool sizesHalted(const Pass& pass) {
  if (!isHalted(pass) || isAborted(pass)) return false;
  for (const ReplicaSet* set : {newSet(pass), stableSet(pass)}) {
    const bool resized =
        set != nullptr && set->replicas > 0 && set->desired_replicas && *set->desired_replicas != pass.wanted();
    if (resized) return false;
  }
  return true;
}

bool scaleStable(Pass& pass) {
  const ReplicaSet* stable = stableSet(pass);
  if (stable == nullptr || newIsStable(pass)) return false;
  // Sized by the weights that are persisted, so that it never shrinks before the traffic has moved.
  // What the routers were told goes before what is written of it: between the two a controller may have died.
  const std::int32_t target =
      std::max(countsNow(pass, pass.old().canary.weights).stable, countsNow(pass, pass.next.canary.weights).stable);
  return scale(pass, stable->name, target);
}

bool scaleNew(Pass& pass) {
  const ReplicaSet* fresh = newSet(pass);
  std::int32_t target = countsNow(pass, pass.next.canary.weights).canary;
  if (holdAborted(pass, target)) return scale(pass, fresh->name, fresh->replicas);
  return scale(pass, fresh->name, target);
}

// One group a pass: scaling stable and canary by the same counts could break the limits that bind them.
bool scaleSets(Pass& pass) {
  if (sizesHalted(pass)) return false;
  clearDeadlines(pass);
  return scaleStable(pass) || scaleNew(pass) || scaleDownOthersCanary(pass);
}

struct Completion {
  const Pass& pass;

  bool operator()(const model::SetWeightStep&) const {
    const bool carried = !pass.next.canary.weights || pass.next.canary.weights->verified != false;
    return carried && atDesiredCounts(pass, pass.next.canary.weights);
  }
  bool operator()(const model::PauseStep& step) const { return pauseStepCompleted(pass, step); }
  bool operator()(const model::SetCanaryScaleStep&) const { return atDesiredCounts(pass, pass.next.canary.weights); }
  bool operator()(const model::AnalysisStep& step) const {
    if (!step.analysis.configured()) return true;
    const std::optional<model::AnalysisRunRef>& run = pass.next.canary.step_analysis;
    return run && run->phase == model::AnalysisPhase::kSuccessful;
  }
  bool operator()(const model::ExperimentStep&) const { return experimentPassed(pass); }
  bool operator()(const model::SetHeaderRouteStep&) const { return routesAreSet(pass); }
  bool operator()(const model::SetMirrorRouteStep&) const { return routesAreSet(pass); }
  bool operator()(const model::PluginStep&) const { return pluginStepCompleted(pass, stepIndex(pass)); }
  // unsupported.cc refuses it before a pass comes here.
  bool operator()(const model::InvalidStep&) const { return false; }
};

void completeStep(Pass& pass) {
  const model::Step* step = currentStep(pass);
  if (step == nullptr || isHalted(pass) || !std::visit(Completion{pass}, *step)) return;
  const std::int32_t done = stepIndex(pass) + 1;
  pass.next.current_step_index = done;
  pass.next.canary.step_analysis.reset();
  pass.next.canary.current_experiment.clear();
  pass.intent.remove.push_back(model::PauseReason::kCanaryPauseStep);
  eventAfterPatch(pass, "RolloutStepCompleted",
                  fmt::format("Rollout step {}/{} completed ({})", done, steps(pass).size(), model::toString(*step)));
}

void writeStepIndex(Pass& pass) {
  const auto count = static_cast<std::int32_t>(steps(pass).size());
  if (count == 0) {
    pass.next.current_step_index.reset();
    return;
  }
  pass.next.current_step_index = stepIndex(pass);
  if (!isAborted(pass)) completeStep(pass);
}

void finish(Pass& pass) {
  if (promotesFully(pass)) {
    pass.intent.clear = true;
    pass.intent.remove_abort = true;
  }
  if (withinRollbackWindow(pass) && !isAborted(pass)) pass.intent.clear = true;
  pass.intent.keep_resumed = pass.spec().paused;
  const std::optional<std::string> reason = promotionReason(pass);
  if (reason) {
    promote(pass, *reason);
  } else {
    writeStepIndex(pass);
  }
  scaleDownWorkload(pass, reason.has_value());
  finishStatus(pass);
}

}  // namespace

void decideCanary(Pass& pass) {
  if (restartPods(pass)) return;
  reconcileWebhooks(pass);
  reconcileMetadata(pass);
  collectHistory(pass);
  reconcilePingPong(pass);
  reconcileCanaryServices(pass);
  if (reconcileTraffic(pass) == TrafficResult::kAskAgain) return;
  const std::size_t pauses = pass.intent.add.size();
  if (reconcileExperiments(pass) == ExperimentResult::kAskAgain) return;
  if (reconcileCanaryAnalysis(pass) == AnalysisResult::kAskAgain) return;
  const bool paused_by_verdict = pass.intent.add.size() > pauses;
  const bool waits = paused_by_verdict || pass.hold_promotion || scaleSets(pass);
  const bool pausing = !waits && reconcilePauseStep(pass);
  reconcileStepPlugins(pass, waits || pausing || pass.held ? StepGate::kWaiting : StepGate::kOpen);
  finish(pass);
}

}  // namespace towpath::rollout
