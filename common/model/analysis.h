#pragma once
// AnalysisTemplate and AnalysisRun as plain structs. Providers' own settings are not here: a provider reads them from
// the metric's JSON. Durations of metrics stay text until they are validated, because a bad one must be named in the
// run's message.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/phase.h"

namespace towpath::model {

struct SecretKeyRef {
  std::string name;
  std::string key;
  bool operator==(const SecretKeyRef&) const = default;
};

enum class PodTemplateHashValue : std::uint8_t { kLatest, kStable };

// An argument of a template, a run, or a Rollout's reference. At most one of the sources is set.
struct Argument {
  std::string name;
  std::optional<std::string> value;
  std::optional<PodTemplateHashValue> pod_template_hash;  // valueFrom.podTemplateHashValue
  std::optional<std::string> field_path;                  // valueFrom.fieldRef.fieldPath
  std::optional<SecretKeyRef> secret;                     // valueFrom.secretKeyRef

  bool operator==(const Argument&) const = default;
};

struct TemplateRef {
  std::string name;
  bool cluster_scope = false;
  bool operator==(const TemplateRef&) const = default;
};

// metric_name is an unanchored regular expression, here and in MeasurementRetention.
struct DryRun {
  std::string metric_name;
  bool operator==(const DryRun&) const = default;
};

struct MeasurementRetention {
  std::string metric_name;
  std::int32_t limit = 0;
  bool operator==(const MeasurementRetention&) const = default;
};

struct ObjectMetadata {
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  bool operator==(const ObjectMetadata&) const = default;
};

// A metric with its arguments already substituted. The defaults are the peer's.
struct Metric {
  std::string name;
  std::string interval;       // Go duration, "" if unset
  std::string initial_delay;  // Go duration, "" if unset
  std::int32_t count = 0;     // 0: unset (once without interval, else without end)
  std::string success_condition;
  std::string failure_condition;
  std::int32_t failure_limit = 0;  // -1: failures never end the metric
  std::int32_t inconclusive_limit = 0;
  std::int32_t consecutive_error_limit = 4;
  std::int32_t consecutive_success_limit = 0;  // 0: off
  std::vector<std::string> providers;          // keys of `provider` that are set; exactly one is right

  bool operator==(const Metric&) const = default;
};

struct TtlStrategy {
  std::optional<std::int32_t> seconds_after_completion;
  std::optional<std::int32_t> seconds_after_failure;
  std::optional<std::int32_t> seconds_after_success;
  bool operator==(const TtlStrategy&) const = default;
};

struct AnalysisRunSpec {
  std::vector<Metric> metrics;
  std::vector<Argument> args;
  std::vector<DryRun> dry_run;
  std::vector<MeasurementRetention> measurement_retention;
  bool terminate = false;
  std::optional<TtlStrategy> ttl;

  bool operator==(const AnalysisRunSpec&) const = default;
};

struct AnalysisTemplate {
  std::string name;
  bool cluster_scope = false;
  std::vector<Metric> metrics;  // arguments not substituted
  std::vector<Argument> args;
  std::vector<DryRun> dry_run;
  std::vector<MeasurementRetention> measurement_retention;
  std::vector<TemplateRef> templates;  // nested

  bool operator==(const AnalysisTemplate&) const = default;
};

struct Measurement {
  AnalysisPhase phase = AnalysisPhase::kNone;
  std::string message;
  std::string value;
  std::optional<WallTime> started_at;
  std::optional<WallTime> finished_at;  // nullopt: still running
  std::optional<WallTime> resume_at;
  std::map<std::string, std::string> metadata;

  bool operator==(const Measurement&) const = default;
};

struct MetricResult {
  std::string name;
  AnalysisPhase phase = AnalysisPhase::kNone;
  std::string message;
  std::vector<Measurement> measurements;  // oldest first, trimmed to the retention
  std::int32_t count = 0;                 // finished measurements without the errors
  std::int32_t successful = 0;
  std::int32_t failed = 0;
  std::int32_t inconclusive = 0;
  std::int32_t error = 0;
  std::int32_t consecutive_error = 0;
  std::int32_t consecutive_success = 0;
  bool dry_run = false;
  std::map<std::string, std::string> metadata;

  bool operator==(const MetricResult&) const = default;
};

// Counts of metrics (not of measurements) by outcome.
struct RunSummary {
  std::int32_t count = 0;
  std::int32_t successful = 0;
  std::int32_t failed = 0;
  std::int32_t inconclusive = 0;
  std::int32_t error = 0;
  bool operator==(const RunSummary&) const = default;
};

struct AnalysisRunStatus {
  AnalysisPhase phase = AnalysisPhase::kNone;
  std::string message;
  std::vector<MetricResult> metric_results;
  std::optional<WallTime> started_at;
  std::optional<WallTime> completed_at;
  RunSummary run_summary;
  std::optional<RunSummary> dry_run_summary;

  bool operator==(const AnalysisRunStatus&) const = default;
};

// What a Rollout asks for: templates with arguments. No templates means no analysis.
struct AnalysisRef {
  std::vector<TemplateRef> templates;
  std::vector<Argument> args;
  std::vector<DryRun> dry_run;
  std::vector<MeasurementRetention> measurement_retention;
  ObjectMetadata run_metadata;

  bool configured() const { return !templates.empty(); }
  bool operator==(const AnalysisRef&) const = default;
};

}  // namespace towpath::model
