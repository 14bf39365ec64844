#pragma once
// From a provider's value to a verdict: the conditions of a metric (core-semantics 8.8).

#include <string>
#include <vector>

#include "base/value.h"
#include "model/analysis.h"

namespace towpath::analysis {

struct Verdict {
  model::AnalysisPhase phase = model::AnalysisPhase::kSuccessful;
  std::string message;  // set for kError
  bool operator==(const Verdict&) const = default;
};

// Neither condition: Successful. Both and neither true: Inconclusive; failure wins. An evaluation error: kError.
// `now` is what the conditions take for it.
Verdict assessResult(const Value& result, const model::Metric& metric, WallTime now);

// What a condition gives for a result: for people who look at it.
struct ConditionValue {
  std::string field;  // "successCondition", "failureCondition"
  std::string text;   // the condition
  std::string value;  // "true", "false", or "error: " and what is wrong
  bool operator==(const ConditionValue&) const = default;
};
// Those that the metric has.
std::vector<ConditionValue> conditionValues(const Value& result, const model::Metric& metric, WallTime now);

// A finished measurement from a verdict.
model::Measurement finishedMeasurement(const Verdict& verdict, std::string value, WallTime started_at, WallTime now);
// A finished measurement with phase Error: the provider could not answer.
model::Measurement failedMeasurement(std::string message, WallTime started_at, WallTime now);

// The text of a value as `measurement.value` shows it: shortest decimal, "[a,b]" for lists, compact JSON-like
// otherwise.
std::string valueText(const Value& value);

}  // namespace towpath::analysis
