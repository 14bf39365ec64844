// Experiments of a canary's steps: which of them a Rollout needs, stops and deletes, what their verdicts mean, and the
// traffic that they get (core-semantics 5, 6.4, 9.6).
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

using model::AnalysisPhase;
using model::PauseReason;

const model::ExperimentStep* experimentStep(const Pass& pass) {
  const model::Step* step = currentStep(pass);
  return step == nullptr ? nullptr : std::get_if<model::ExperimentStep>(step);
}

const ExperimentView* find(const Pass& pass, std::string_view name) {
  const auto found = std::ranges::find(pass.world.experiments, name, &ExperimentView::name);
  return found == pass.world.experiments.end() ? nullptr : &*found;
}

std::string baseName(const Pass& pass, const std::string& hash) {
  return fmt::format("{}-{}-{}-{}", pass.in.name, hash, pass.world.revision.value_or(0), stepIndex(pass));
}

// `name`, or it with "-1", "-2", …: of this step of this revision.
bool isNumbered(std::string_view name, std::string_view base) {
  if (!name.starts_with(base)) return false;
  const std::string_view rest = name.substr(base.size());
  return rest.empty() ||
         (rest.size() > 1 && rest.front() == '-' && rest.find_first_not_of("0123456789", 1) == rest.npos);
}

// The peer's names carry the computed hash, which is another than the ReplicaSet's where one was adopted.
bool isOfStep(const Pass& pass, const ExperimentView& experiment) {
  return isNumbered(experiment.name, baseName(pass, newHash(pass))) ||
         isNumbered(experiment.name, baseName(pass, pass.in.computed_hash));
}

bool isOver(const ExperimentView& experiment) {
  return isCompleted(experiment.phase) || experiment.terminate || experiment.deleting;
}

bool noneMayRun(const Pass& pass) {
  return experimentStep(pass) == nullptr || fullyPromoted(pass) || isAborted(pass) || promotesFully(pass) ||
         stableSet(pass) == nullptr;
}

// The one of this step that the status names, or one that was made for it, but whose name did not reach the status: by
// this turn's StartExperiment, or by a controller that stopped in between.
const ExperimentView* current(const Pass& pass) {
  if (noneMayRun(pass)) return nullptr;
  const ExperimentView* named = find(pass, pass.old().canary.current_experiment);
  if (named != nullptr && isOfStep(pass, *named) && !named->deleting) return named;
  const ExperimentView* best = nullptr;
  for (const ExperimentView& experiment : pass.world.experiments) {
    if (!isOfStep(pass, experiment) || isOver(experiment)) continue;
    if (best == nullptr || experiment.creation_time > best->creation_time) best = &experiment;
  }
  return best;
}

std::string freeName(const Pass& pass) {
  const std::string base = baseName(pass, newHash(pass));
  std::string name = base;
  for (int i = 1; find(pass, name) != nullptr; ++i) name = fmt::format("{}-{}", base, i);
  return name;
}

// A person went on although the verdict was open: that is the verdict.
bool isResumed(const Pass& pass) { return pass.old().controller_pause && pass.old().pause_conditions.empty(); }

bool mayStart(const Pass& pass) {
  return !noneMayRun(pass) && !pass.spec().paused && pass.old().pause_conditions.empty();
}

void stop(Pass& pass, const ExperimentView& experiment) {
  if (!isOver(experiment)) act(pass, StopExperiment{experiment.name});
}

ExperimentResult start(Pass& pass) {
  if (pass.in.experiment_failure) {
    event(pass, "ExperimentCreateError",
          fmt::format("Failed to create Experiment '{}': {}", pass.in.experiment_failure->name,
                      pass.in.experiment_failure->message),
          EventType::kWarning);
    lookAgain(pass, pass.now + 10s);
    return ExperimentResult::kDone;
  }
  StartExperiment start;
  start.step_index = stepIndex(pass);
  start.name = freeName(pass);
  start.hash = newHash(pass);
  start.revision = pass.world.revision.value_or(0);
  start.canary_set = newSet(pass)->name;
  start.stable_set = stableSet(pass)->name;
  start.stable_hash = stableSet(pass)->hash;
  act(pass, std::move(start));
  pass.decision.decide_again = true;
  return ExperimentResult::kAskAgain;
}

void judge(Pass& pass, const ExperimentView& experiment) {
  switch (experiment.phase) {
    case AnalysisPhase::kFailed:
    case AnalysisPhase::kError: {
      std::string message = "Experiment analysis phase is error/failed";
      if (!experiment.message.empty()) message += ": " + experiment.message;
      abortWith(pass, std::move(message));
      return;
    }
    case AnalysisPhase::kInconclusive:
      if (!isResumed(pass) && !hasPause(pass.old(), PauseReason::kInconclusiveExperiment))
        addPause(pass, PauseReason::kInconclusiveExperiment);
      return;
    case AnalysisPhase::kNone:
    case AnalysisPhase::kPending:
    case AnalysisPhase::kRunning:
    case AnalysisPhase::kSuccessful:
      return;
  }
}

bool ofLivingSet(const Pass& pass, const ExperimentView& experiment) {
  return std::ranges::any_of(pass.world.replica_sets,
                             [&](const ReplicaSet& set) { return set.hash == experiment.hash && !set.deleting; });
}

void collectOld(Pass& pass, std::string_view kept_name) {
  std::vector<const ExperimentView*> old;
  for (const ExperimentView& experiment : pass.world.experiments) {
    if (experiment.name != kept_name && !experiment.deleting) old.push_back(&experiment);
  }
  std::ranges::sort(old, [](const ExperimentView* a, const ExperimentView* b) {
    return std::tie(a->creation_time, a->name) > std::tie(b->creation_time, b->name);
  });
  std::int32_t successful = 0;
  std::int32_t unsuccessful = 0;
  for (const ExperimentView* experiment : old) {
    if (!ofLivingSet(pass, *experiment)) {
      act(pass, DeleteExperiment{experiment->name});
      continue;
    }
    stop(pass, *experiment);
    if (!isCompleted(experiment->phase)) continue;
    const bool good = experiment->phase == AnalysisPhase::kSuccessful;
    const std::int32_t kept = good ? ++successful : ++unsuccessful;
    const model::RolloutSpec& spec = pass.spec();
    if (kept > (good ? spec.successful_run_history_limit : spec.unsuccessful_run_history_limit))
      act(pass, DeleteExperiment{experiment->name});
  }
}

}  // namespace

ExperimentResult reconcileExperiments(Pass& pass) {
  const ExperimentView* experiment = current(pass);
  std::string kept_name;
  if (experiment != nullptr) {
    kept_name = experiment->name;
    if (experiment->phase != AnalysisPhase::kSuccessful) pass.next.canary.current_experiment = experiment->name;
    judge(pass, *experiment);
  } else if (mayStart(pass) && start(pass) == ExperimentResult::kAskAgain) {
    return ExperimentResult::kAskAgain;
  }
  collectOld(pass, kept_name);
  return ExperimentResult::kDone;
}

void stopExperiments(Pass& pass) {
  for (const ExperimentView& experiment : pass.in.experiments) stop(pass, experiment);
}

bool experimentPassed(const Pass& pass) {
  const ExperimentView* experiment = current(pass);
  if (experiment == nullptr) return false;
  return experiment->phase == AnalysisPhase::kSuccessful ||
         (experiment->phase == AnalysisPhase::kInconclusive && isResumed(pass));
}

bool experimentIsTakenUp(const Pass& pass) {
  const ExperimentView* experiment = current(pass);
  return experiment != nullptr && experiment->phase != AnalysisPhase::kNone;
}

std::vector<model::WeightDestination> experimentDestinations(const Pass& pass) {
  std::vector<model::WeightDestination> destinations;
  const ExperimentView* experiment = current(pass);
  if (experiment == nullptr || experiment->phase != AnalysisPhase::kRunning || experiment->terminate)
    return destinations;
  for (const model::ExperimentTemplateRef& wanted : experimentStep(pass)->templates) {
    if (!wanted.weight) continue;
    const auto found = std::ranges::find(experiment->templates, wanted.name, &ExperimentTemplateView::name);
    // Its service comes with its second pass.
    if (found == experiment->templates.end() || found->service_name.empty()) continue;
    destinations.push_back({*wanted.weight, found->service_name, found->hash});
  }
  return destinations;
}

}  // namespace towpath::rollout
