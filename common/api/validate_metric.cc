#include "api/analysis_view.h"
#include "api/validate_parts.h"
#include "json/serialize.h"

namespace towpath::api {

namespace {

std::optional<std::string> checkLimits(const model::Metric& metric) {
  const std::int32_t failures = metric.failure_limit;
  const std::int32_t successes = metric.consecutive_success_limit;
  if (successes < 0) return "consecutiveSuccessLimit must be >= 0";
  if (failures < -1) return "failureLimit must be >= 0, or -1 to be disabled";
  if (successes == 0 && failures == -1) return "failureLimit and consecutiveSuccessLimit cannot both be disabled";
  if (metric.inconclusive_limit < 0) return "inconclusiveLimit must be >= 0";
  if (metric.consecutive_error_limit < 0) return "consecutiveErrorLimit must be >= 0";
  if (metric.count <= 0) return std::nullopt;
  if (failures >= 0 && metric.count < std::int64_t{failures} + successes) {
    return fmt::format("count ({}) must be >= failureLimit + consecutiveSuccessLimit ({} + {}) if both >= 0",
                       metric.count, failures, successes);
  }
  if (failures < 0 && metric.count < successes) return "count must be >= consecutiveSuccessLimit";
  if (metric.count < metric.inconclusive_limit) return "count must be >= inconclusiveLimit";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> checkMetric(const Value& value) {
  if (json::serialize(value).find("{{") != std::string::npos) return std::nullopt;
  const model::Metric metric = decodeMetric(value);
  if (std::optional<std::string> why = checkLimits(metric)) return why;
  if (metric.count > 1 && metric.interval.empty()) return "interval must be specified when count > 1";
  for (const auto& [name, text] :
       {std::pair("interval", metric.interval), std::pair("startDelay", metric.initial_delay)}) {
    if (text.empty()) continue;
    const Result<Duration> parsed = parseGoDuration(text);
    if (!parsed) return fmt::format("invalid {} string: {}", name, parsed.error().message);
  }
  return std::nullopt;
}

}  // namespace towpath::api
