// What the templates and the analyses of an experiment amount to: its phase and its conditions (core-semantics 9.4).
#include <algorithm>

#include "engine/analysis/verdict.h"
#include "engine/experiment/pass.h"

namespace towpath::experiment {
namespace {

using model::AnalysisPhase;
using model::ExperimentAnalysis;
using model::ExperimentAnalysisStatus;
using model::TemplateStatus;
using model::TemplateStatusCode;

struct Assessment {
  AnalysisPhase phase = AnalysisPhase::kSuccessful;
  std::string message;
};

// Successful < Running < Progressing < Error < Failed.
int badness(TemplateStatusCode code) {
  switch (code) {
    case TemplateStatusCode::kSuccessful:
      return 0;
    case TemplateStatusCode::kRunning:
      return 1;
    case TemplateStatusCode::kNone:
    case TemplateStatusCode::kProgressing:
      return 2;
    case TemplateStatusCode::kError:
      return 3;
    case TemplateStatusCode::kFailed:
      return 4;
  }
  return 0;
}

AnalysisPhase phaseOf(TemplateStatusCode code) {
  switch (code) {
    case TemplateStatusCode::kSuccessful:
      return AnalysisPhase::kSuccessful;
    case TemplateStatusCode::kRunning:
      return AnalysisPhase::kRunning;
    case TemplateStatusCode::kNone:
    case TemplateStatusCode::kProgressing:
      return AnalysisPhase::kPending;
    case TemplateStatusCode::kError:
      return AnalysisPhase::kError;
    case TemplateStatusCode::kFailed:
      return AnalysisPhase::kFailed;
  }
  return AnalysisPhase::kPending;
}

Assessment assessTemplates(const Pass& pass) {
  TemplateStatusCode worst = TemplateStatusCode::kSuccessful;
  std::string message;
  for (const model::ExperimentTemplate& wanted : pass.world.spec.templates) {
    const TemplateStatus* status = model::findTemplate(pass.next, wanted.name);
    if (badness(status->status) <= badness(worst)) continue;
    worst = status->status;
    message = status->message;
  }
  return {phaseOf(worst), message};
}

bool isRequired(const ExperimentAnalysis& analysis) { return analysis.required_for_completion; }

bool anyRequired(const Pass& pass) { return std::ranges::any_of(pass.world.spec.analyses, isRequired); }

bool requiredPassed(const Pass& pass) {
  const auto passed = [&](const ExperimentAnalysis& analysis) {
    const ExperimentAnalysisStatus* status = model::findAnalysis(pass.next, analysis.name);
    return !analysis.required_for_completion || (status != nullptr && status->phase == AnalysisPhase::kSuccessful);
  };
  return anyRequired(pass) && std::ranges::all_of(pass.world.spec.analyses, passed);
}

Assessment assessAnalyses(const Pass& pass) {
  Assessment worst;
  for (const ExperimentAnalysis& analysis : pass.world.spec.analyses) {
    const ExperimentAnalysisStatus* status = model::findAnalysis(pass.next, analysis.name);
    if (status == nullptr || status->phase == AnalysisPhase::kNone) continue;
    if (analysis::isWorse(status->phase, worst.phase)) worst = {status->phase, status->message};
  }
  const bool bad = isCompleted(worst.phase) && worst.phase != AnalysisPhase::kSuccessful;
  // What is not required is called off then.
  if (!bad && requiredPassed(pass)) return {AnalysisPhase::kSuccessful, "Required AnalysisRuns completed"};
  if (worst.phase == AnalysisPhase::kPending) worst.phase = AnalysisPhase::kRunning;
  return worst;
}

Assessment assessBoth(const Pass& pass, const Assessment& templates, const Assessment& analyses) {
  if (isCompleted(templates.phase)) {
    const bool analyses_decide = isCompleted(analyses.phase) || anyRequired(pass);
    return templates.phase == AnalysisPhase::kSuccessful && analyses_decide ? analyses : templates;
  }
  const bool bad = isCompleted(analyses.phase) && analyses.phase != AnalysisPhase::kSuccessful;
  return bad || requiredPassed(pass) ? analyses : templates;
}

// The counters of a template moved, or there is a new one.
bool progressed(const Pass& pass) {
  return std::ranges::any_of(pass.next.templates, [&](const TemplateStatus& now) {
    const TemplateStatus* before = model::findTemplate(pass.world.status, now.name);
    return before == nullptr || before->replicas != now.replicas || before->ready_replicas != now.ready_replicas ||
           before->available_replicas != now.available_replicas;
  });
}

void setProgressing(Pass& pass, model::ConditionStatus status, std::string_view reason, std::string_view what) {
  model::Condition condition;
  condition.type = model::condition::kProgressing;
  condition.status = status;
  condition.reason = reason;
  condition.message = fmt::format("Experiment \"{}\" {}", pass.world.name, what);
  condition.last_update_time = condition.last_transition_time = pass.stamp;
  model::setCondition(pass.next.conditions, std::move(condition));
}

}  // namespace

bool durationPassed(const Pass& pass) {
  const std::optional<Duration> duration = model::durationOf(pass.world.spec);
  const std::optional<WallTime>& since = pass.world.status.available_at;
  return duration && since && pass.now >= *since + *duration;
}

bool isTerminating(const World& world) {
  if (world.spec.terminate || isCompleted(world.status.phase)) return true;
  const bool template_bad = std::ranges::any_of(world.status.templates, [](const TemplateStatus& status) {
    return status.status == TemplateStatusCode::kFailed || status.status == TemplateStatusCode::kError;
  });
  return template_bad || std::ranges::any_of(world.status.analyses, [](const ExperimentAnalysisStatus& status) {
           return isCompleted(status.phase) && status.phase != AnalysisPhase::kSuccessful;
         });
}

void assess(Pass& pass) {
  const AnalysisPhase before = pass.world.status.phase;
  if (isCompleted(before)) return;
  if (before == AnalysisPhase::kNone) {
    pass.next.phase = AnalysisPhase::kPending;
  } else {
    const Assessment templates = assessTemplates(pass);
    const Assessment both = assessBoth(pass, templates, assessAnalyses(pass));
    pass.next.phase = both.phase;
    pass.next.message = both.message;
    if (templates.phase == AnalysisPhase::kRunning && !pass.next.available_at) pass.next.available_at = pass.stamp;
  }
  const std::optional<Duration> duration = model::durationOf(pass.world.spec);
  const bool ends_by_time = duration && pass.next.available_at && !isCompleted(pass.next.phase);
  // Past it the pods are what is waited for.
  if (ends_by_time && *pass.next.available_at + *duration > pass.now)
    lookAgain(pass, *pass.next.available_at + *duration);
  if (pass.next.phase == before) return;
  const bool bad = isCompleted(pass.next.phase) && pass.next.phase != AnalysisPhase::kSuccessful;
  event(
      pass, bad ? EventType::kWarning : EventType::kNormal,
      fmt::format("Experiment{}", model::toString(pass.next.phase)),
      fmt::format("Experiment transitioned from {} -> {}", model::toString(before), model::toString(pass.next.phase)));
}

void setConditions(Pass& pass) {
  using model::ConditionStatus;
  if (pass.next.phase == AnalysisPhase::kSuccessful) {
    setProgressing(pass, ConditionStatus::kFalse, "ExperimentCompleted", "has successfully ran and completed.");
  } else if (isCompleted(pass.next.phase)) {
    return;
  } else if (progressed(pass)) {
    setProgressing(pass, ConditionStatus::kTrue, model::reason::kReplicaSetUpdated, "is progressing.");
  } else if (pass.next.available_at && !durationPassed(pass)) {
    setProgressing(pass, ConditionStatus::kTrue, model::reason::kNewReplicaSetAvailable, "is running.");
  }
}

}  // namespace towpath::experiment
