#include "engine/analysis/validate.h"

#include <set>

#include "base/error.h"
#include "engine/expr/pattern.h"

namespace towpath::analysis {
namespace {

std::optional<std::string> badLimits(const model::Metric& metric) {
  if (metric.consecutive_success_limit < 0) return "consecutiveSuccessLimit must be >= 0";
  if (metric.failure_limit < -1) return "failureLimit must be >= 0, or -1 to be disabled";
  if (metric.failure_limit < 0 && metric.consecutive_success_limit == 0) {
    return "consecutiveSuccessLimit and failureLimit cannot both be disabled";
  }
  if (metric.inconclusive_limit < 0) return "inconclusiveLimit must be >= 0";
  if (metric.consecutive_error_limit < 0) return "consecutiveErrorLimit must be >= 0";
  if (metric.count <= 0) return std::nullopt;
  if (metric.failure_limit >= 0 &&
      metric.count < std::int64_t{metric.failure_limit} + metric.consecutive_success_limit) {
    return fmt::format("count ({}) must be >= failureLimit + consecutiveSuccessLimit ({} + {}) if both >= 0",
                       metric.count, metric.failure_limit, metric.consecutive_success_limit);
  }
  if (metric.count < metric.consecutive_success_limit) {
    return fmt::format("count ({}) must be >= consecutiveSuccessLimit ({})", metric.count,
                       metric.consecutive_success_limit);
  }
  if (metric.count < metric.inconclusive_limit) return "count must be >= inconclusiveLimit";
  return std::nullopt;
}

std::optional<std::string> badTimes(const model::Metric& metric) {
  if (metric.count > 1 && metric.interval.empty()) return "interval must be specified when count > 1";
  if (!metric.interval.empty()) {
    if (const Result<Duration> parsed = parseGoDuration(metric.interval); !parsed) {
      return "invalid interval string: " + parsed.error().message;
    }
  }
  if (!metric.initial_delay.empty()) {
    if (const Result<Duration> parsed = parseGoDuration(metric.initial_delay); !parsed) {
      return "invalid startDelay string: " + parsed.error().message;
    }
  }
  return std::nullopt;
}

std::optional<std::string> badMetric(const model::Metric& metric) {
  if (std::optional<std::string> error = badLimits(metric)) return error;
  if (std::optional<std::string> error = badTimes(metric)) return error;
  if (metric.providers.empty()) return "no provider specified";
  if (metric.providers.size() > 1) return "multiple providers specified";
  return std::nullopt;
}

// `pattern` is looked for anywhere in the names, as by RE2. Rules come from any tenant: what they may cost is bounded.
template <class Apply>
Result<void> applyRule(const model::AnalysisRunSpec& spec, const std::string& pattern, const std::string& rule,
                       std::vector<MetricRules>& rules, expr::Budget& budget, const Apply& apply) {
  bool matched = false;
  for (std::size_t i = 0; i < spec.metrics.size(); ++i) {
    const Result<bool> found = expr::matches(spec.metrics[i].name, pattern, budget);
    if (!found) return fail(ErrorKind::kInvalid, rule + ": " + found.error().message);
    if (!*found) continue;
    matched = true;
    apply(rules[i]);
  }
  if (!matched) return fail(ErrorKind::kInvalid, rule + ": Rule didn't match any metric name(s)");
  return {};
}

}  // namespace

std::int64_t effectiveCount(const model::Metric& metric) {
  if (metric.count != 0) return metric.count;
  return metric.interval.empty() ? 1 : 0;
}

std::optional<std::string> invalidMetrics(const std::vector<model::Metric>& metrics) {
  if (metrics.empty()) return "no metrics specified";
  std::set<std::string> names;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (!names.insert(metrics[i].name).second) {
      return fmt::format("metrics[{}]: duplicate name '{}'", i, metrics[i].name);
    }
    if (const std::optional<std::string> error = badMetric(metrics[i]))
      return fmt::format("metrics[{}]: {}", i, *error);
  }
  return std::nullopt;
}

Result<std::vector<MetricRules>> matchRules(const model::AnalysisRunSpec& spec) {
  std::vector<MetricRules> rules(spec.metrics.size());
  expr::Budget budget;
  for (std::size_t i = 0; i < spec.dry_run.size(); ++i) {
    const Result<void> applied = applyRule(spec, spec.dry_run[i].metric_name, fmt::format("dryRun[{}]", i), rules,
                                           budget, [](MetricRules& metric) { metric.dry_run = true; });
    if (!applied) return std::unexpected(applied.error());
  }
  for (std::size_t i = 0; i < spec.measurement_retention.size(); ++i) {
    const model::MeasurementRetention& rule = spec.measurement_retention[i];
    const Result<void> applied = applyRule(spec, rule.metric_name, fmt::format("measurementRetention[{}]", i), rules,
                                           budget, [&](MetricRules& metric) {
                                             if (rule.limit > 0) metric.retention = rule.limit;
                                           });
    if (!applied) return std::unexpected(applied.error());
  }
  return rules;
}

}  // namespace towpath::analysis
