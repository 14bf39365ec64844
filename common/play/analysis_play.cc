#include "play/analysis_play.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/analysis/validate.h"
#include "engine/expr/expr.h"

namespace towpath::play {
namespace {

using model::AnalysisPhase;

constexpr int kMaxDecisions = 50;  // in one turn
constexpr int kMaxTurns = 200000;  // of one play

const model::Metric* metricOf(const model::AnalysisRunSpec& spec, std::string_view name) {
  const auto found = std::ranges::find(spec.metrics, name, &model::Metric::name);
  return found == spec.metrics.end() ? nullptr : &*found;
}

const model::MetricResult* resultOf(const model::AnalysisRunStatus& status, std::string_view name) {
  const auto found = std::ranges::find(status.metric_results, name, &model::MetricResult::name);
  return found == status.metric_results.end() ? nullptr : &*found;
}

// Their verdict is their own, and so is what a trace says of them.
bool judgesItself(const model::Metric& metric) {
  return metric.providers.size() == 1 && (metric.providers[0] == "job" || metric.providers[0] == "kayenta");
}

PlayedMeasurement measure(const model::Metric& metric, const Trace& trace, WallTime begin, WallTime now) {
  PlayedMeasurement played{.at = now - begin, .metric = metric.name, .measurement = {}, .conditions = {}};
  const std::optional<Value> cell = trace.at(metric.name, played.at);
  if (!cell) {
    played.measurement = analysis::failedMeasurement("no data in the trace at this time", now, now);
    return played;
  }
  if (judgesItself(metric)) {
    const AnalysisPhase phase = model::parseAnalysisPhase(cell->asStringView());
    played.measurement =
        model::isCompleted(phase)
            ? analysis::finishedMeasurement({phase, ""}, "", now, now)
            : analysis::failedMeasurement(fmt::format("the trace says \"{}\"; of a {} metric it has to say Successful, "
                                                      "Failed, Inconclusive or Error",
                                                      analysis::valueText(*cell), metric.providers[0]),
                                          now, now);
    return played;
  }
  const Value result = recordedResult(*cell, metric);
  played.conditions = analysis::conditionValues(result, metric, now);
  played.measurement =
      analysis::finishedMeasurement(analysis::assessResult(result, metric, now), analysis::valueText(result), now, now);
  return played;
}

// Metrics with a count of their own have to reach it; the others go on for as long as they are let.
bool allCounted(const AnalysisPlay& play) {
  return std::ranges::all_of(play.spec().metrics, [&play](const model::Metric& metric) {
    const model::MetricResult* result = resultOf(play.status(), metric.name);
    return analysis::effectiveCount(metric) == 0 || (result && model::isCompleted(result->phase));
  });
}

Result<void> checkColumns(const model::AnalysisRunSpec& spec, const Trace& trace) {
  for (const model::Metric& metric : spec.metrics) {
    if (trace.has(metric.name)) continue;
    return fail(ErrorKind::kInvalid, fmt::format("the trace has no column \"{}\", which a metric is called; it has {}",
                                                 metric.name, fmt::join(trace.metrics(), ", ")));
  }
  return {};
}

}  // namespace

std::vector<AnalysisPlay::Due> AnalysisPlay::turn(WallTime now) {
  std::vector<Due> due;
  for (int i = 0; i < kMaxDecisions && due.empty(); ++i) {
    const analysis::RunDecision decision = analysis::decide(world_, now);
    next_look_ = decision.look_again_at;
    bool changed = false;
    const auto ask = [&](const std::string& name, bool resume, int attempt) {
      if (const model::Metric* metric = metricOf(world_.spec, name)) due.push_back({*metric, resume, attempt});
    };
    for (const analysis::RunAction& action : decision.actions) {
      if (const auto* patch = std::get_if<analysis::PatchRunStatus>(&action)) {
        world_.status = patch->next;
        world_.outcomes.clear();
        changed = true;
      } else if (const auto* start = std::get_if<analysis::StartMeasurement>(&action)) {
        ask(start->metric, false, start->attempt);
      } else if (const auto* resume = std::get_if<analysis::ResumeMeasurement>(&action)) {
        ask(resume->metric, true, 1);
      }
    }
    if (!changed) break;
  }
  return due;
}

void AnalysisPlay::measured(const std::string& metric, model::Measurement measurement) {
  world_.outcomes.push_back({.metric = metric, .measurement = std::move(measurement)});
}

const model::Measurement* AnalysisPlay::running(const std::string& metric) const {
  const model::MetricResult* result = resultOf(world_.status, metric);
  if (!result || result->measurements.empty() || result->measurements.back().finished_at) return nullptr;
  return &result->measurements.back();
}

Result<AnalysisOutcome> playAnalysis(model::AnalysisRunSpec spec, const Trace& trace, WallTime begin) {
  if (Result<void> columns = checkColumns(spec, trace); !columns) return std::unexpected(columns.error());
  AnalysisPlay play(std::move(spec));
  AnalysisOutcome outcome;
  WallTime now = begin;
  const WallTime end = begin + trace.end();
  for (int i = 0; i < kMaxTurns && !play.ended(); ++i) {
    const std::vector<AnalysisPlay::Due> wanted = play.turn(now);
    for (const AnalysisPlay::Due& due : wanted) {
      PlayedMeasurement played = measure(due.metric, trace, begin, now);
      play.measured(due.metric.name, played.measurement);
      outcome.measurements.push_back(std::move(played));
    }
    // What was just measured is taken in before time goes on.
    if (!wanted.empty() || play.ended()) continue;
    const WallTime next = play.nextLook().value_or(end + 1s);
    if (next <= end) {
      now = std::max(next, now + 1s);
      continue;
    }
    if (play.spec().terminate || !allCounted(play)) break;
    now = end;
    play.terminate();
  }
  outcome.status = play.status();
  outcome.decided = play.ended();
  outcome.ended_at = now - begin;
  return outcome;
}

Value recordedResult(const Value& cell, const model::Metric& metric) {
  if (!cell.isNumber() || metric.providers.size() != 1) return cell;
  Value list(Array{Value(cell.asDouble())});
  if (metric.providers[0] == "graphite") return list;
  if (metric.providers[0] != "prometheus") return cell;
  const expr::Type number{expr::TypeKind::kFloat};
  for (const std::string& condition : {metric.success_condition, metric.failure_condition}) {
    if (condition.empty()) continue;
    const Result<expr::Expression> parsed = expr::Expression::parse(condition);
    if (parsed && !parsed->typeFor(number)) return list;
  }
  return cell;
}

}  // namespace towpath::play
