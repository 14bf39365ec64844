#pragma once
// What makes an AnalysisRun impossible to carry out, and which rules concern which metric (core-semantics 8.4, 8.5).

#include <optional>
#include <string>
#include <vector>

#include "model/analysis.h"

namespace towpath::analysis {

// "metrics[1]: interval must be specified when count > 1"; nullopt if all is well.
std::optional<std::string> invalidMetrics(const std::vector<model::Metric>& metrics);

// How often a metric is measured: its count; 1 without an interval; 0 for "without end".
std::int64_t effectiveCount(const model::Metric& metric);

// What the dryRun and measurementRetention rules say of each metric, in the order of the metrics.
struct MetricRules {
  bool dry_run = false;
  std::int32_t retention = 10;
  bool operator==(const MetricRules&) const = default;
};

// An error if a rule is no regular expression or concerns no metric.
Result<std::vector<MetricRules>> matchRules(const model::AnalysisRunSpec& spec);

}  // namespace towpath::analysis
