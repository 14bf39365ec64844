#include "engine/analysis/decide.h"

#include <algorithm>

#include "engine/analysis/validate.h"
#include "engine/analysis/verdict.h"

namespace towpath::analysis {
namespace {

using model::AnalysisPhase;
using model::Measurement;
using model::MetricResult;

constexpr Duration kErrorRetry = 10s;  // after an error, and where no interval is set
// Measurements are known by their times, which are whole seconds.
constexpr Duration kShortestInterval = 1s;
constexpr const char* kTerminated = "Metric Terminated";

struct RunPass {
  const AnalysisWorld& world;
  WallTime now;
  WallTime stamp;
  model::AnalysisRunStatus next;
  std::vector<MetricRules> rules;
  std::vector<RunAction> measurements;  // carried out after the status is written
  std::vector<RunAction> events;
  RunDecision decision;
};

void lookAgain(RunPass& pass, WallTime at) {
  std::optional<WallTime>& next = pass.decision.look_again_at;
  if (!next || at < *next) next = at;
}

MetricResult* findResult(RunPass& pass, const std::string& name) {
  const auto found = std::ranges::find(pass.next.metric_results, name, &MetricResult::name);
  return found == pass.next.metric_results.end() ? nullptr : &*found;
}

bool inFlight(const RunPass& pass, const std::string& metric) {
  return std::ranges::find(pass.world.in_flight, metric) != pass.world.in_flight.end();
}

bool isWoken(const RunPass& pass, const std::string& metric) {
  return std::ranges::find(pass.world.woken, metric) != pass.world.woken.end();
}

// Bounded, so that sums of times stay in range.
Duration durationOf(const std::string& text, Duration least) {
  return std::clamp(parseGoDuration(text).value_or(Duration::zero()), least, Duration(24h * 36500));
}

// ---- folding in what came back
// -----------------------------------------------------------------------------------------

void countMeasurement(MetricResult& result, AnalysisPhase phase) {
  switch (phase) {
    case AnalysisPhase::kNone:
    case AnalysisPhase::kPending:
    case AnalysisPhase::kRunning:
      return;
    case AnalysisPhase::kSuccessful:
      ++result.successful;
      ++result.count;
      ++result.consecutive_success;
      result.consecutive_error = 0;
      return;
    case AnalysisPhase::kFailed:
      ++result.failed;
      ++result.count;
      result.consecutive_error = result.consecutive_success = 0;
      return;
    case AnalysisPhase::kInconclusive:
      ++result.inconclusive;
      ++result.count;
      result.consecutive_error = result.consecutive_success = 0;
      return;
    case AnalysisPhase::kError:
      ++result.error;
      ++result.consecutive_error;
      result.consecutive_success = 0;
      return;
  }
}

// An outcome that is in the status already, because the caller could not know that its write had succeeded.
bool isRepeated(const MetricResult& result, const Measurement& measurement) {
  if (result.measurements.empty() || !result.measurements.back().finished_at) return false;
  return result.measurements.back().started_at == measurement.started_at &&
         result.measurements.back().finished_at == measurement.finished_at;
}

void fold(RunPass& pass, const Outcome& outcome, const MetricRules& rules) {
  MetricResult* result = findResult(pass, outcome.metric);
  if (result == nullptr) {
    MetricResult fresh;
    fresh.name = outcome.metric;
    fresh.phase = AnalysisPhase::kRunning;
    fresh.dry_run = rules.dry_run;
    fresh.metadata = outcome.metadata;
    pass.next.metric_results.push_back(std::move(fresh));
    result = &pass.next.metric_results.back();
  }
  if (isCompleted(result->phase) || isRepeated(*result, outcome.measurement)) return;
  const bool continued = !result->measurements.empty() && !result->measurements.back().finished_at;
  if (continued) {
    result->measurements.back() = outcome.measurement;
  } else {
    result->measurements.push_back(outcome.measurement);
  }
  if (outcome.measurement.finished_at) countMeasurement(*result, outcome.measurement.phase);
  const auto limit = static_cast<std::size_t>(rules.retention);
  if (result->measurements.size() > limit) {
    result->measurements.erase(result->measurements.begin(),
                               result->measurements.end() - static_cast<std::ptrdiff_t>(limit));
    pass.measurements.push_back(CollectGarbage{outcome.metric, rules.retention});
  }
}

// ---- assessing
// ---------------------------------------------------------------------------------------------------------

bool isTerminating(const RunPass& pass) {
  if (pass.world.spec.terminate) return true;
  return std::ranges::any_of(pass.next.metric_results, [](const MetricResult& result) {
    return !result.dry_run && isCompleted(result.phase) && result.phase != AnalysisPhase::kSuccessful;
  });
}

void announceMetric(RunPass& pass, const MetricResult& result) {
  const bool bad = result.phase == AnalysisPhase::kFailed || result.phase == AnalysisPhase::kError;
  pass.events.push_back(
      RunEvent{bad, fmt::format("Metric{}", toString(result.phase)),
               fmt::format("Metric '{}' Completed. Result: {}", result.name, toString(result.phase))});
}

void assessOne(RunPass& pass, const model::Metric& metric, MetricResult& result, bool terminating) {
  if (isCompleted(result.phase)) return;
  const MetricVerdict verdict = assessMetric(metric, result, terminating);
  if (verdict.phase == result.phase) return;
  result.phase = verdict.phase;
  result.message = result.measurements.empty() ? "" : result.measurements.back().message;
  if (!isCompleted(result.phase)) return;
  if (result.dry_run && !verdict.limit_text.empty()) {
    result.message = fmt::format("Metric assessed {} due to {}", toString(result.phase), verdict.limit_text);
  }
  announceMetric(pass, result);
}

// An answer that is under way decides whether a terminated metric ends well: it is waited for.
bool isOpen(const RunPass& pass, const MetricResult* result, const std::string& metric) {
  if (inFlight(pass, metric)) return true;
  return result != nullptr && !result->measurements.empty() && !result->measurements.back().finished_at;
}

void assessMetrics(RunPass& pass, bool terminating) {
  for (const model::Metric& metric : pass.world.spec.metrics) {
    MetricResult* result = findResult(pass, metric.name);
    if (result == nullptr) continue;
    assessOne(pass, metric, *result, terminating && !isOpen(pass, result, metric.name));
  }
}

bool anyOpen(RunPass& pass) {
  return std::ranges::any_of(pass.world.spec.metrics, [&](const model::Metric& metric) {
    return isOpen(pass, findResult(pass, metric.name), metric.name);
  });
}

// A run that has failed by one metric ends now; what else is under way is called off, and tells nothing.
void callOffOpen(RunPass& pass) {
  for (const model::Metric& metric : pass.world.spec.metrics) {
    MetricResult* result = findResult(pass, metric.name);
    if (result == nullptr || isCompleted(result->phase)) continue;
    if (result->measurements.empty() || result->measurements.back().finished_at) continue;
    pass.measurements.push_back(TerminateMeasurement{metric.name});
    result->measurements.back().phase = AnalysisPhase::kInconclusive;
    result->measurements.back().message = kTerminated;
    result->measurements.back().finished_at = pass.stamp;
    countMeasurement(*result, AnalysisPhase::kInconclusive);
    assessOne(pass, metric, *result, true);
  }
}

// ---- choosing what to measure
// ------------------------------------------------------------------------------------------

void startMeasurement(RunPass& pass, const model::Metric& metric, const MetricResult* result) {
  const int attempt = result == nullptr ? 1 : result->count + result->error + 1;
  pass.measurements.push_back(StartMeasurement{metric.name, attempt});
}

void continueMeasurement(RunPass& pass, const MetricResult& result, bool terminating) {
  const Measurement& last = result.measurements.back();
  if (terminating) {
    pass.measurements.push_back(TerminateMeasurement{result.name});
  } else if (!last.resume_at || *last.resume_at <= pass.now || isWoken(pass, result.name)) {
    pass.measurements.push_back(ResumeMeasurement{result.name});
  } else {
    lookAgain(pass, *last.resume_at);
  }
}

WallTime dueAt(const RunPass& pass, const model::Metric& metric, const MetricResult* result) {
  if (result == nullptr || result->measurements.empty()) {
    return pass.next.started_at.value_or(pass.stamp) + durationOf(metric.initial_delay, 0s);
  }
  const Measurement& last = result->measurements.back();
  const bool retry = last.phase == AnalysisPhase::kError || metric.interval.empty();
  return last.finished_at.value_or(pass.stamp) + (retry ? kErrorRetry : durationOf(metric.interval, kShortestInterval));
}

void measure(RunPass& pass, const model::Metric& metric, bool terminating) {
  const MetricResult* result = findResult(pass, metric.name);
  if (result != nullptr && isCompleted(result->phase)) return;
  if (inFlight(pass, metric.name)) return;
  if (isOpen(pass, result, metric.name)) {
    continueMeasurement(pass, *result, terminating);
    return;
  }
  if (terminating) return;
  const std::int64_t wanted = effectiveCount(metric);
  if (result != nullptr && wanted > 0 && result->count >= wanted) return;
  const WallTime due = dueAt(pass, metric, result);
  if (due <= pass.now) {
    startMeasurement(pass, metric, result);
  } else {
    lookAgain(pass, due);
  }
}

// ---- the run as a whole
// ------------------------------------------------------------------------------------------------

void completeRun(RunPass& pass, AnalysisPhase phase, std::string message) {
  pass.next.phase = phase;
  pass.next.message = std::move(message);
  const bool bad = phase == AnalysisPhase::kFailed || phase == AnalysisPhase::kError;
  pass.events.push_back(RunEvent{bad, fmt::format("AnalysisRun{}", toString(phase)),
                                 fmt::format("Analysis Completed. Result: {}", toString(phase))});
}

// Nothing that is still to come can make it worse.
bool hasFailed(const RunPass& pass) {
  return std::ranges::any_of(pass.next.metric_results, [](const MetricResult& result) {
    return !result.dry_run && result.phase == AnalysisPhase::kFailed;
  });
}

void assessWhole(RunPass& pass, bool terminating) {
  const bool waits = terminating && anyOpen(pass) && !hasFailed(pass);
  RunVerdict verdict = assessRun(pass.world.spec, pass.next, terminating && !waits);
  pass.next.run_summary = verdict.summary;
  pass.next.dry_run_summary = verdict.dry_run_summary;
  if (verdict.phase == pass.next.phase) return;
  if (!isCompleted(verdict.phase)) {
    pass.next.phase = verdict.phase;
    pass.next.message = verdict.message;
    return;
  }
  pass.next.completed_at = pass.stamp;
  completeRun(pass, verdict.phase, std::move(verdict.message));
}

RunDecision conclude(RunPass& pass) {
  if (pass.next != pass.world.status) {
    pass.decision.actions.push_back(PatchRunStatus{pass.next});
  } else {
    pass.events.clear();
  }
  for (RunAction& action : pass.measurements) pass.decision.actions.push_back(std::move(action));
  for (RunAction& action : pass.events) pass.decision.actions.push_back(std::move(action));
  return std::move(pass.decision);
}

std::optional<std::int32_t> timeToLive(const AnalysisWorld& world) {
  if (!world.spec.ttl) return std::nullopt;
  const model::TtlStrategy& ttl = *world.spec.ttl;
  if (world.status.phase == AnalysisPhase::kSuccessful && ttl.seconds_after_success) return ttl.seconds_after_success;
  if (world.status.phase == AnalysisPhase::kFailed && ttl.seconds_after_failure) return ttl.seconds_after_failure;
  return ttl.seconds_after_completion;
}

RunDecision decideCompleted(RunPass& pass) {
  const std::optional<std::int32_t> ttl = timeToLive(pass.world);
  if (!ttl || !pass.world.status.completed_at) return {};
  // Past the whole seconds, not on them.
  const WallTime end = *pass.world.status.completed_at + std::chrono::seconds(*ttl) + 1s;
  if (pass.now >= end) {
    pass.decision.actions.push_back(DeleteRun{});
  } else {
    lookAgain(pass, end);
  }
  return std::move(pass.decision);
}

std::optional<std::string> whyImpossible(RunPass& pass) {
  if (pass.world.resolve_error) return "Unable to resolve metric arguments: " + *pass.world.resolve_error;
  if (const std::optional<std::string> error = invalidMetrics(pass.world.spec.metrics)) {
    return "Analysis spec invalid: " + *error;
  }
  Result<std::vector<MetricRules>> rules = matchRules(pass.world.spec);
  if (!rules) return "Analysis spec invalid: " + rules.error().message;
  pass.rules = std::move(*rules);
  return std::nullopt;
}

void foldOutcomes(RunPass& pass) {
  for (const Outcome& outcome : pass.world.outcomes) {
    const std::vector<model::Metric>& metrics = pass.world.spec.metrics;
    const auto metric = std::ranges::find(metrics, outcome.metric, &model::Metric::name);
    if (metric == metrics.end()) continue;  // the answer to a question that the spec no longer asks
    fold(pass, outcome, pass.rules[static_cast<std::size_t>(metric - metrics.begin())]);
  }
}

}  // namespace

RunDecision decide(const AnalysisWorld& world, WallTime now) {
  RunPass pass{world, now, std::chrono::floor<std::chrono::seconds>(now), world.status, {}, {}, {}, {}};
  if (isCompleted(world.status.phase)) return decideCompleted(pass);
  if (std::optional<std::string> error = whyImpossible(pass)) {
    completeRun(pass, AnalysisPhase::kError, std::move(*error));
    return conclude(pass);
  }
  if (!pass.next.started_at) pass.next.started_at = pass.stamp;
  foldOutcomes(pass);
  const bool asked_to_end = isTerminating(pass);
  assessMetrics(pass, asked_to_end);
  const bool terminating = isTerminating(pass);
  if (terminating && !asked_to_end) assessMetrics(pass, true);
  if (terminating && !world.spec.terminate) callOffOpen(pass);
  assessWhole(pass, terminating);
  if (!isCompleted(pass.next.phase)) {
    for (const model::Metric& metric : world.spec.metrics) measure(pass, metric, terminating);
  }
  return conclude(pass);
}

namespace {

struct RunActionText {
  std::string operator()(const StartMeasurement& a) const {
    return fmt::format("measure {} ({})", a.metric, a.attempt);
  }
  std::string operator()(const ResumeMeasurement& a) const { return "resume " + a.metric; }
  std::string operator()(const TerminateMeasurement& a) const { return "terminate " + a.metric; }
  std::string operator()(const CollectGarbage& a) const { return fmt::format("keep {} of {}", a.limit, a.metric); }
  std::string operator()(const PatchRunStatus& a) const {
    return fmt::format("patch status: {} \"{}\"", toString(a.next.phase), a.next.message);
  }
  std::string operator()(const RunEvent& a) const { return fmt::format("event {}: {}", a.reason, a.message); }
  std::string operator()(const DeleteRun&) const { return "delete the run"; }
};

}  // namespace

std::string toString(const RunAction& action) { return std::visit(RunActionText{}, action); }

}  // namespace towpath::analysis
