#include "cli/analysis_view.h"

#include <fmt/format.h>

#include "base/time.h"
#include "cli/text.h"

namespace towpath::cli {
namespace {

using model::AnalysisPhase;

constexpr std::size_t kMaxShownValue = 60;

std::string shortened(const std::string& text) {
  if (text.size() <= kMaxShownValue) return text;
  std::size_t end = kMaxShownValue;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not within a character
  return text.substr(0, end) + "…";
}

std::string conditionsText(const std::vector<analysis::ConditionValue>& conditions) {
  std::vector<std::string> parts;
  for (const analysis::ConditionValue& condition : conditions) {
    parts.push_back(fmt::format("{}: {}", condition.text, condition.value));
  }
  return parts.empty() ? "-" : fmt::format("{}", fmt::join(parts, "; "));
}

std::string verdictOf(const play::AnalysisOutcome& outcome) {
  return outcome.decided ? toString(outcome.status.phase) : "Undecided";
}

std::string messageOf(const play::AnalysisOutcome& outcome) {
  if (outcome.decided) return outcome.status.message;
  return "the trace ends before a metric has been measured as often as its count says";
}

Value secondsOf(Duration time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  if (whole == time) return Value(whole.count());
  return Value(std::chrono::duration<double>(time).count());
}

std::string countsText(const model::MetricResult& result) {
  return fmt::format("{} successful, {} failed, {} inconclusive, {} errors", result.successful, result.failed,
                     result.inconclusive, result.error);
}

Value measurementToJson(const play::PlayedMeasurement& played) {
  Array conditions;
  for (const analysis::ConditionValue& condition : played.conditions) {
    conditions.push_back(Object{{"field", condition.field}, {"text", condition.text}, {"value", condition.value}});
  }
  return Value(Object{{"seconds", secondsOf(played.at)},
                      {"metric", played.metric},
                      {"value", played.measurement.value},
                      {"phase", toString(played.measurement.phase)},
                      {"message", played.measurement.message},
                      {"conditions", std::move(conditions)}});
}

Value resultToJson(const model::MetricResult& result) {
  return Value(Object{{"name", result.name},
                      {"phase", toString(result.phase)},
                      {"message", result.message},
                      {"dryRun", result.dry_run},
                      {"count", result.count},
                      {"successful", result.successful},
                      {"failed", result.failed},
                      {"inconclusive", result.inconclusive},
                      {"error", result.error}});
}

}  // namespace

int exitCodeOf(const play::AnalysisOutcome& outcome) {
  if (!outcome.decided) return 5;
  switch (outcome.status.phase) {
    case AnalysisPhase::kSuccessful:
      return 0;
    case AnalysisPhase::kFailed:
      return 2;
    case AnalysisPhase::kInconclusive:
      return 3;
    case AnalysisPhase::kError:
      return 4;
    case AnalysisPhase::kNone:
    case AnalysisPhase::kPending:
    case AnalysisPhase::kRunning:
      break;
  }
  return 5;
}

std::string renderAnalysis(const AnalysisReport& report) {
  const play::AnalysisOutcome& outcome = report.outcome;
  Table table({"TIME", "METRIC", "VALUE", "CONDITION", "RESULT"});
  for (const play::PlayedMeasurement& played : outcome.measurements) {
    const model::Measurement& measurement = played.measurement;
    const bool told = measurement.message.empty() || !played.conditions.empty();
    table.add({formatGoDuration(played.at), played.metric,
               measurement.value.empty() ? "-" : shortened(measurement.value),
               told ? conditionsText(played.conditions) : measurement.message, toString(measurement.phase)});
  }
  std::string text = table.render() + "\n";
  for (const model::MetricResult& result : outcome.status.metric_results) {
    text += fmt::format("{}{}: {} ({})\n", result.name, result.dry_run ? " (dry run)" : "", toString(result.phase),
                        countsText(result));
  }
  const std::string message = messageOf(outcome);
  text += fmt::format("Verdict: {} at {}{}\n", verdictOf(outcome), formatGoDuration(outcome.ended_at),
                      message.empty() ? "" : " (" + message + ")");
  for (const std::string& line : report.assumptions) text += fmt::format("Assumed: {}\n", line);
  return text;
}

Value analysisToJson(const AnalysisReport& report) {
  const play::AnalysisOutcome& outcome = report.outcome;
  Array measurements, metrics;
  for (const play::PlayedMeasurement& played : outcome.measurements) measurements.push_back(measurementToJson(played));
  for (const model::MetricResult& result : outcome.status.metric_results) metrics.push_back(resultToJson(result));
  return Value(Object{{"name", report.name},
                      {"verdict", verdictOf(outcome)},
                      {"message", messageOf(outcome)},
                      {"endedSeconds", secondsOf(outcome.ended_at)},
                      {"measurements", std::move(measurements)},
                      {"metrics", std::move(metrics)},
                      {"assumptions", Array(report.assumptions.begin(), report.assumptions.end())}});
}

}  // namespace towpath::cli
