#include "engine/analysis/verdict.h"

#include <algorithm>

#include "engine/analysis/validate.h"

namespace towpath::analysis {
namespace {

using model::AnalysisPhase;

struct Breach {
  AnalysisPhase phase = AnalysisPhase::kNone;
  std::string text;
};

// Later rules override earlier ones: within a metric an error says more than an inconclusive result.
Breach limitBreach(const model::Metric& metric, const model::MetricResult& result) {
  Breach breach;
  if (metric.failure_limit >= 0 && result.failed > metric.failure_limit) {
    breach = {AnalysisPhase::kFailed,
              fmt::format("failed ({}) > failureLimit ({})", result.failed, metric.failure_limit)};
  }
  if (result.inconclusive > metric.inconclusive_limit) {
    breach = {AnalysisPhase::kInconclusive, fmt::format("inconclusive ({}) > inconclusiveLimit ({})",
                                                        result.inconclusive, metric.inconclusive_limit)};
  }
  if (result.consecutive_error > metric.consecutive_error_limit) {
    breach = {AnalysisPhase::kError, fmt::format("consecutiveErrors ({}) > consecutiveErrorLimit ({})",
                                                 result.consecutive_error, metric.consecutive_error_limit)};
  }
  return breach;
}

AnalysisPhase phaseAtCount(const model::Metric& metric) {
  if (metric.consecutive_success_limit <= 0) return AnalysisPhase::kSuccessful;
  return metric.failure_limit >= 0 ? AnalysisPhase::kInconclusive : AnalysisPhase::kFailed;
}

int badness(AnalysisPhase phase) {
  switch (phase) {
    case AnalysisPhase::kNone:
      return -1;
    case AnalysisPhase::kSuccessful:
      return 0;
    case AnalysisPhase::kRunning:
      return 1;
    case AnalysisPhase::kPending:
      return 2;
    case AnalysisPhase::kInconclusive:
      return 3;
    case AnalysisPhase::kError:
      return 4;
    case AnalysisPhase::kFailed:
      return 5;
  }
  return -1;
}

void count(model::RunSummary& summary, AnalysisPhase phase) {
  switch (phase) {
    case AnalysisPhase::kNone:
    case AnalysisPhase::kPending:
    case AnalysisPhase::kRunning:
      return;
    case AnalysisPhase::kSuccessful:
      ++summary.successful;
      return;
    case AnalysisPhase::kFailed:
      ++summary.failed;
      return;
    case AnalysisPhase::kError:
      ++summary.error;
      return;
    case AnalysisPhase::kInconclusive:
      ++summary.inconclusive;
      return;
  }
}

std::string breachMessage(const model::MetricResult& result, const std::string& text) {
  std::string message = fmt::format("Metric \"{}\" assessed {} due to {}", result.name, toString(result.phase), text);
  if (!result.message.empty()) message += fmt::format(": \"Error Message: {}\"", result.message);
  return message;
}

const model::MetricResult* findResult(const model::AnalysisRunStatus& status, const std::string& name) {
  const auto found = std::ranges::find(status.metric_results, name, &model::MetricResult::name);
  return found == status.metric_results.end() ? nullptr : &*found;
}

}  // namespace

bool isWorse(AnalysisPhase a, AnalysisPhase b) { return badness(a) > badness(b); }

std::string limitText(const model::Metric& metric, const model::MetricResult& result) {
  return limitBreach(metric, result).text;
}

MetricVerdict assessMetric(const model::Metric& metric, const model::MetricResult& result, bool terminating) {
  if (isCompleted(result.phase)) return {result.phase, limitText(metric, result)};
  if (result.measurements.empty()) {
    return {terminating ? AnalysisPhase::kSuccessful : AnalysisPhase::kPending, ""};
  }
  if (!result.measurements.back().finished_at) return {AnalysisPhase::kRunning, ""};
  if (Breach breach = limitBreach(metric, result); breach.phase != AnalysisPhase::kNone) {
    return {breach.phase, std::move(breach.text)};
  }
  if (metric.consecutive_success_limit > 0 && result.consecutive_success >= metric.consecutive_success_limit) {
    return {AnalysisPhase::kSuccessful, ""};
  }
  const std::int64_t wanted = effectiveCount(metric);
  if (wanted > 0 && result.count >= wanted) return {phaseAtCount(metric), ""};
  return {terminating ? AnalysisPhase::kSuccessful : AnalysisPhase::kRunning, ""};
}

RunVerdict assessRun(const model::AnalysisRunSpec& spec, const model::AnalysisRunStatus& next, bool terminating) {
  RunVerdict verdict;
  AnalysisPhase worst = AnalysisPhase::kNone;
  bool all_completed = true;
  std::string message = spec.terminate ? "Run Terminated" : "";
  for (const model::Metric& metric : spec.metrics) {
    const model::MetricResult* result = findResult(next, metric.name);
    const bool dry = result != nullptr && result->dry_run;
    model::RunSummary& summary = dry ? verdict.dry_run_summary : verdict.summary;
    ++summary.count;
    if (result == nullptr || !isCompleted(result->phase)) {
      all_completed = false;
      continue;
    }
    count(summary, result->phase);
    if (dry) {
      if (worst == AnalysisPhase::kNone) worst = AnalysisPhase::kSuccessful;
      continue;
    }
    if (!isWorse(result->phase, worst)) continue;
    worst = result->phase;
    if (const std::string text = limitText(metric, *result); !text.empty()) message = breachMessage(*result, text);
  }
  if (!all_completed && !terminating) return verdict;
  verdict.phase = worst == AnalysisPhase::kNone ? AnalysisPhase::kSuccessful : worst;
  verdict.message = std::move(message);
  return verdict;
}

}  // namespace towpath::analysis
