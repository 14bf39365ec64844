#include "engine/analysis/validate.h"

#include <regex>
#include <set>

#include "base/error.h"

namespace towpath::analysis {
namespace {

constexpr std::size_t kMaxPattern = 256;

std::optional<std::string> badLimits(const model::Metric& metric) {
  if (metric.consecutive_success_limit < 0) return "consecutiveSuccessLimit must be >= 0";
  if (metric.failure_limit < -1) return "failureLimit must be >= 0, or -1 to be disabled";
  if (metric.failure_limit < 0 && metric.consecutive_success_limit == 0) {
    return "consecutiveSuccessLimit and failureLimit cannot both be disabled";
  }
  if (metric.inconclusive_limit < 0) return "inconclusiveLimit must be >= 0";
  if (metric.consecutive_error_limit < 0) return "consecutiveErrorLimit must be >= 0";
  if (metric.count <= 0) return std::nullopt;
  if (metric.failure_limit >= 0 && metric.count < metric.failure_limit + metric.consecutive_success_limit) {
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

// Linear in the text whatever the pattern (no backtracking): rules come from any tenant.
Result<std::regex> compile(const std::string& pattern) {
  if (pattern.size() > kMaxPattern) return fail(ErrorKind::kInvalid, "the pattern is too long");
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::regex_error& error) {
    return fail(ErrorKind::kInvalid, fmt::format("\"{}\" is no regular expression: {}", pattern, error.what()));
  }
}

template <class Apply>
Result<void> applyRule(const model::AnalysisRunSpec& spec, const std::string& pattern, const std::string& rule,
                       std::vector<MetricRules>& rules, const Apply& apply) {
  const Result<std::regex> compiled = compile(pattern);
  if (!compiled) return fail(ErrorKind::kInvalid, rule + ": " + compiled.error().message);
  bool matched = false;
  for (std::size_t i = 0; i < spec.metrics.size(); ++i) {
    if (!std::regex_search(spec.metrics[i].name, *compiled)) continue;
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
  for (std::size_t i = 0; i < spec.dry_run.size(); ++i) {
    const Result<void> applied = applyRule(spec, spec.dry_run[i].metric_name, fmt::format("dryRun[{}]", i), rules,
                                           [](MetricRules& metric) { metric.dry_run = true; });
    if (!applied) return std::unexpected(applied.error());
  }
  for (std::size_t i = 0; i < spec.measurement_retention.size(); ++i) {
    const model::MeasurementRetention& rule = spec.measurement_retention[i];
    const Result<void> applied =
        applyRule(spec, rule.metric_name, fmt::format("measurementRetention[{}]", i), rules, [&](MetricRules& metric) {
          if (rule.limit > 0) metric.retention = rule.limit;
        });
    if (!applied) return std::unexpected(applied.error());
  }
  return rules;
}

}  // namespace towpath::analysis
