// The analyses of an experiment: started once all templates are available, mirrored, told to end (core-semantics 9.5).
#include <algorithm>

#include "engine/experiment/pass.h"

namespace towpath::experiment {
namespace {

using model::AnalysisPhase;
using model::ExperimentAnalysis;
using model::ExperimentAnalysisStatus;

const std::string* messageFor(const std::map<std::string, std::string>& messages, const std::string& name) {
  const auto found = messages.find(name);
  return found == messages.end() ? nullptr : &found->second;
}

void fail(ExperimentAnalysisStatus& next, std::string message) {
  next.phase = AnalysisPhase::kError;
  next.message = std::move(message);
}

void start(Pass& pass, const ExperimentAnalysis& analysis, ExperimentAnalysisStatus& next) {
  if (pass.terminating) return;
  if (const std::string* error = messageFor(pass.world.feedback.analysis_errors, analysis.name)) {
    fail(next, fmt::format("Failed to create AnalysisRun for analysis '{}': {}", analysis.name, *error));
  } else if (const std::string* run = messageFor(pass.world.feedback.started, analysis.name)) {
    next.phase = AnalysisPhase::kPending;
    next.run = *run;
  } else {
    pass.made.emplace_back(StartAnalysis{analysis.name, fmt::format("{}-{}", pass.world.name, analysis.name)});
  }
}

// Also while it is terminating: what a run that was told to end comes to counts.
void follow(Pass& pass, const ExperimentAnalysis& analysis, ExperimentAnalysisStatus& next) {
  const auto run = std::ranges::find(pass.world.runs, next.run, &RunView::name);
  if (run == pass.world.runs.end()) {
    fail(next, fmt::format("AnalysisRun '{}' not found", next.run));
    return;
  }
  if (pass.terminating && !isCompleted(run->phase) && !run->terminate) {
    pass.writes.emplace_back(StopAnalysis{analysis.name, run->name});
    event(pass, EventType::kNormal, "AnalysisRunTerminating",
          fmt::format("Terminating {} ({})", analysis.name, run->name));
  }
  next.phase = run->phase == AnalysisPhase::kNone ? AnalysisPhase::kPending : run->phase;
  next.message = run->message;
}

void reconcile(Pass& pass, const ExperimentAnalysis& analysis, ExperimentAnalysisStatus& next) {
  if (isCompleted(next.phase)) return;
  if (!next.run.empty()) {
    follow(pass, analysis, next);
    return;
  }
  if (pass.world.status.available_at) {
    start(pass, analysis, next);
    return;
  }
  const std::string* why = messageFor(pass.world.missing_analyses, analysis.name);
  if (why == nullptr || pass.terminating) return;
  fail(next, fmt::format("{} verification failed for analysis '{}': {}",
                         analysis.analysis_template.cluster_scope ? "ClusterAnalysisTemplate" : "AnalysisTemplate",
                         analysis.name, *why));
}

void announce(Pass& pass, AnalysisPhase from, const ExperimentAnalysisStatus& next) {
  if (from == next.phase || next.phase == AnalysisPhase::kNone) return;
  std::string message = fmt::format("AnalysisRun '{}' transitioned from {} -> {}", next.name, model::toString(from),
                                    model::toString(next.phase));
  if (!next.message.empty()) message += ": " + next.message;
  const bool bad = next.phase == AnalysisPhase::kFailed || next.phase == AnalysisPhase::kError ||
                   next.phase == AnalysisPhase::kInconclusive;
  pass.events.emplace_back(EmitEvent{bad ? EventType::kWarning : EventType::kNormal,
                                     fmt::format("AnalysisRun{}", model::toString(next.phase)), std::move(message),
                                     true});
}

}  // namespace

void reconcileAnalysis(Pass& pass, const ExperimentAnalysis& analysis) {
  const ExperimentAnalysisStatus* known = model::findAnalysis(pass.world.status, analysis.name);
  ExperimentAnalysisStatus next;
  next.name = analysis.name;
  if (known != nullptr) next = *known;
  reconcile(pass, analysis, next);
  announce(pass, known != nullptr ? known->phase : AnalysisPhase::kNone, next);
  const auto place = std::ranges::find(pass.next.analyses, analysis.name, &ExperimentAnalysisStatus::name);
  if (place != pass.next.analyses.end())
    *place = std::move(next);
  else if (next.phase != AnalysisPhase::kNone)  // nothing is said of one that has not begun
    pass.next.analyses.push_back(std::move(next));
}

}  // namespace towpath::experiment
