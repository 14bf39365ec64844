#include "engine/analysis/assess.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/expr/expr.h"

namespace towpath::analysis {
namespace {

using model::AnalysisPhase;

// These measure lists of numbers and nothing else (8.8): the peer's Go type is []float64.
expr::Lists listsOf(const model::Metric& metric) {
  constexpr std::string_view kOfNumbers[] = {"prometheus", "graphite", "datadog", "wavefront"};
  const bool numbers =
      metric.providers.size() == 1 && std::ranges::find(kOfNumbers, metric.providers[0]) != std::end(kOfNumbers);
  return numbers ? expr::Lists::kNumbers : expr::Lists::kAnything;
}

Result<bool> evaluate(const std::string& condition, const Value& result, const model::Metric& metric, WallTime now) {
  const Result<expr::Expression> parsed = expr::Expression::parse(condition);
  if (!parsed) return std::unexpected(parsed.error());
  return parsed->test(result, now, listsOf(metric));
}

bool isEmpty(const Value& result) { return result.isNull() || (result.isArray() && result.asArray().empty()); }

Verdict couldNot(std::string_view field, const std::string& condition, const Value& result, const Error& error) {
  const std::string reason =
      isEmpty(result) ? "metric result is nil or empty: no data returned from the metric provider" : describe(error);
  return {AnalysisPhase::kError, fmt::format("could not evaluate {} \"{}\": {}", field, condition, reason)};
}

AnalysisPhase phaseOf(std::optional<bool> success, std::optional<bool> failure) {
  if (failure && *failure) return AnalysisPhase::kFailed;
  if (success && *success) return AnalysisPhase::kSuccessful;
  if (success && failure) return AnalysisPhase::kInconclusive;
  return success ? AnalysisPhase::kFailed : AnalysisPhase::kSuccessful;
}

std::string numberText(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  char buffer[400];  // the longest double without an exponent has 309 digits before the point
  const auto [end, error] = std::to_chars(std::begin(buffer), std::end(buffer), number, std::chars_format::fixed);
  return error == std::errc() ? std::string(buffer, end) : fmt::format("{}", number);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string nestedText(const Value& value) {
  if (const std::string* text = value.ifString()) return quoted(*text);
  if (value.isObject()) {
    std::vector<std::string> members;
    for (const Object::Member& member : value.asObject()) {
      members.push_back(quoted(member.key) + ":" + nestedText(member.value));
    }
    std::ranges::sort(members);
    return fmt::format("{{{}}}", fmt::join(members, ","));
  }
  return valueText(value);
}

}  // namespace

Verdict assessResult(const Value& result, const model::Metric& metric, WallTime now) {
  std::optional<bool> success;
  std::optional<bool> failure;
  if (!metric.success_condition.empty()) {
    const Result<bool> value = evaluate(metric.success_condition, result, metric, now);
    if (!value) return couldNot("successCondition", metric.success_condition, result, value.error());
    success = *value;
  }
  if (!metric.failure_condition.empty()) {
    const Result<bool> value = evaluate(metric.failure_condition, result, metric, now);
    if (!value) return couldNot("failureCondition", metric.failure_condition, result, value.error());
    failure = *value;
  }
  return {phaseOf(success, failure), ""};
}

std::vector<ConditionValue> conditionValues(const Value& result, const model::Metric& metric, WallTime now) {
  std::vector<ConditionValue> values;
  for (const auto& [field, condition] : {std::pair("successCondition", metric.success_condition),
                                         std::pair("failureCondition", metric.failure_condition)}) {
    if (condition.empty()) continue;
    const Result<bool> value = evaluate(condition, result, metric, now);
    const char* const flag = value.value_or(false) ? "true" : "false";
    values.push_back({field, condition, value ? flag : "error: " + describe(value.error())});
  }
  return values;
}

model::Measurement finishedMeasurement(const Verdict& verdict, std::string value, WallTime started_at, WallTime now) {
  model::Measurement measurement;
  measurement.phase = verdict.phase;
  measurement.message = verdict.message;
  measurement.value = std::move(value);
  measurement.started_at = std::chrono::floor<std::chrono::seconds>(started_at);
  measurement.finished_at = std::chrono::floor<std::chrono::seconds>(now);
  return measurement;
}

model::Measurement failedMeasurement(std::string message, WallTime started_at, WallTime now) {
  return finishedMeasurement({AnalysisPhase::kError, std::move(message)}, "", started_at, now);
}

std::string valueText(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return value.asBool() ? "true" : "false";
    case Value::Kind::kInt:
      return std::to_string(value.asInt());
    case Value::Kind::kDouble:
      return numberText(value.asDouble());
    case Value::Kind::kString:
      return value.asString();
    case Value::Kind::kArray: {
      std::vector<std::string> elements;
      for (const Value& element : value.asArray()) elements.push_back(nestedText(element));
      return fmt::format("[{}]", fmt::join(elements, ","));
    }
    case Value::Kind::kObject:
      return nestedText(value);
    case Value::Kind::kOpaque:
      return value.ifOpaque()->text();
  }
  return "";
}

}  // namespace towpath::analysis
