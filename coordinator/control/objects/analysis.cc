#include "control/objects/analysis.h"

#include "control/objects/read.h"
#include "json/patch.h"

namespace towpath::control::objects {
namespace {

std::vector<model::TemplateRef> readTemplates(const Value& value) {
  std::vector<model::TemplateRef> refs;
  for (const Value& entry : value.asArray()) {
    refs.push_back({entry["templateName"].asString(), entry["clusterScope"].asBool()});
  }
  return refs;
}

std::vector<model::DryRun> readDryRun(const Value& value) {
  std::vector<model::DryRun> rules;
  for (const Value& entry : value.asArray()) rules.push_back({entry["metricName"].asString()});
  return rules;
}

std::vector<model::MeasurementRetention> readRetention(const Value& value) {
  std::vector<model::MeasurementRetention> rules;
  for (const Value& entry : value.asArray()) rules.push_back({entry["metricName"].asString(), int32(entry["limit"])});
  return rules;
}

std::vector<model::Argument> readArguments(const Value& value) {
  std::vector<model::Argument> arguments;
  for (const Value& entry : value.asArray()) arguments.push_back(readArgument(entry));
  return arguments;
}

model::Measurement readMeasurement(const Value& value) {
  return {.phase = model::parseAnalysisPhase(value["phase"].asStringView()),
          .message = value["message"].asString(),
          .value = value["value"].asString(),
          .started_at = optionalTime(value["startedAt"]),
          .finished_at = optionalTime(value["finishedAt"]),
          .resume_at = optionalTime(value["resumeAt"]),
          .metadata = textMap(value["metadata"])};
}

Value writeMeasurement(const model::Measurement& measurement) {
  Value value;
  value["phase"] = model::toString(measurement.phase);
  put(value, "message", measurement.message);
  put(value, "value", measurement.value);
  put(value, "startedAt", measurement.started_at);
  put(value, "finishedAt", measurement.finished_at);
  put(value, "resumeAt", measurement.resume_at);
  put(value, "metadata", measurement.metadata);
  return value;
}

model::MetricResult readResult(const Value& value) {
  model::MetricResult result;
  result.name = value["name"].asString();
  result.phase = model::parseAnalysisPhase(value["phase"].asStringView());
  result.message = value["message"].asString();
  for (const Value& entry : value["measurements"].asArray()) result.measurements.push_back(readMeasurement(entry));
  result.count = int32(value["count"]);
  result.successful = int32(value["successful"]);
  result.failed = int32(value["failed"]);
  result.inconclusive = int32(value["inconclusive"]);
  result.error = int32(value["error"]);
  result.consecutive_error = int32(value["consecutiveError"]);
  result.consecutive_success = int32(value["consecutiveSuccess"]);
  result.dry_run = value["dryRun"].asBool();
  result.metadata = textMap(value["metadata"]);
  return result;
}

Value writeResult(const model::MetricResult& result) {
  Value value;
  value["name"] = result.name;
  value["phase"] = model::toString(result.phase);
  put(value, "message", result.message);
  Array measurements;
  for (const model::Measurement& measurement : result.measurements) {
    measurements.push_back(writeMeasurement(measurement));
  }
  if (!measurements.empty()) value["measurements"] = std::move(measurements);
  put(value, "count", result.count);
  put(value, "successful", result.successful);
  put(value, "failed", result.failed);
  put(value, "inconclusive", result.inconclusive);
  put(value, "error", result.error);
  put(value, "consecutiveError", result.consecutive_error);
  put(value, "consecutiveSuccess", result.consecutive_success);
  put(value, "dryRun", result.dry_run);
  put(value, "metadata", result.metadata);
  return value;
}

model::RunSummary readSummary(const Value& value) {
  return {int32(value["count"]), int32(value["successful"]), int32(value["failed"]), int32(value["inconclusive"]),
          int32(value["error"])};
}

Value writeSummary(const model::RunSummary& summary) {
  Value value = Object{};
  put(value, "count", summary.count);
  put(value, "successful", summary.successful);
  put(value, "failed", summary.failed);
  put(value, "inconclusive", summary.inconclusive);
  put(value, "error", summary.error);
  return value;
}

}  // namespace

model::Argument readArgument(const Value& value) {
  model::Argument argument;
  argument.name = value["name"].asString();
  if (value["value"].isString()) argument.value = value["value"].asString();
  const Value& from = value["valueFrom"];
  if (from["podTemplateHashValue"].isString()) {
    const bool stable = from["podTemplateHashValue"].asStringView() == "Stable";
    argument.pod_template_hash = stable ? model::PodTemplateHashValue::kStable : model::PodTemplateHashValue::kLatest;
  }
  if (from["fieldRef"].isObject()) argument.field_path = from["fieldRef"]["fieldPath"].asString();
  const Value& secret = from["secretKeyRef"];
  if (secret.isObject()) argument.secret = model::SecretKeyRef{secret["name"].asString(), secret["key"].asString()};
  return argument;
}

Value writeArgument(const model::Argument& argument) {
  Value value;
  value["name"] = argument.name;
  if (argument.value) value["value"] = *argument.value;
  if (argument.pod_template_hash) {
    const bool stable = *argument.pod_template_hash == model::PodTemplateHashValue::kStable;
    value["valueFrom"]["podTemplateHashValue"] = stable ? "Stable" : "Latest";
  }
  if (argument.field_path) value["valueFrom"]["fieldRef"]["fieldPath"] = *argument.field_path;
  if (argument.secret) {
    Value& secret = value["valueFrom"]["secretKeyRef"];
    secret["name"] = argument.secret->name;
    secret["key"] = argument.secret->key;
  }
  return value;
}

model::AnalysisRef readAnalysisRef(const Value& value) {
  model::AnalysisRef ref;
  ref.templates = readTemplates(value["templates"]);
  ref.args = readArguments(value["args"]);
  ref.dry_run = readDryRun(value["dryRun"]);
  ref.measurement_retention = readRetention(value["measurementRetention"]);
  const Value& metadata = value["analysisRunMetadata"];
  ref.run_metadata = {textMap(metadata["labels"]), textMap(metadata["annotations"])};
  return ref;
}

model::Metric readMetric(const Value& value) {
  model::Metric metric;
  metric.name = value["name"].asString();
  metric.interval = value["interval"].asString();
  metric.initial_delay = value["initialDelay"].asString();
  metric.count = intOrText(value["count"]);
  metric.success_condition = value["successCondition"].asString();
  metric.failure_condition = value["failureCondition"].asString();
  metric.failure_limit = intOrText(value["failureLimit"]);
  metric.inconclusive_limit = intOrText(value["inconclusiveLimit"]);
  metric.consecutive_error_limit = intOrText(value["consecutiveErrorLimit"], 4);
  metric.consecutive_success_limit = intOrText(value["consecutiveSuccessLimit"]);
  for (const auto& [key, config] : value["provider"].asObject()) {
    if (!config.isNull()) metric.providers.push_back(key);
  }
  return metric;
}

model::AnalysisRunSpec readAnalysisRunSpec(const Value& run) {
  const Value& value = run["spec"];
  model::AnalysisRunSpec spec;
  for (const Value& metric : value["metrics"].asArray()) spec.metrics.push_back(readMetric(metric));
  spec.args = readArguments(value["args"]);
  spec.dry_run = readDryRun(value["dryRun"]);
  spec.measurement_retention = readRetention(value["measurementRetention"]);
  spec.terminate = value["terminate"].asBool();
  const Value& ttl = value["ttlStrategy"];
  if (ttl.isObject()) {
    spec.ttl = model::TtlStrategy{optionalInt32(ttl["secondsAfterCompletion"]),
                                  optionalInt32(ttl["secondsAfterFailure"]), optionalInt32(ttl["secondsAfterSuccess"])};
  }
  return spec;
}

model::AnalysisRunStatus readAnalysisRunStatus(const Value& run) {
  const Value& value = run["status"];
  model::AnalysisRunStatus status;
  status.phase = model::parseAnalysisPhase(value["phase"].asStringView());
  status.message = value["message"].asString();
  for (const Value& entry : value["metricResults"].asArray()) status.metric_results.push_back(readResult(entry));
  status.started_at = optionalTime(value["startedAt"]);
  status.completed_at = optionalTime(value["completedAt"]);
  status.run_summary = readSummary(value["runSummary"]);
  if (value["dryRunSummary"].isObject()) status.dry_run_summary = readSummary(value["dryRunSummary"]);
  return status;
}

Value writeAnalysisRunStatus(const model::AnalysisRunStatus& status) {
  Value value = Object{};
  value["phase"] = model::toString(status.phase);
  put(value, "message", status.message);
  Array results;
  for (const model::MetricResult& result : status.metric_results) results.push_back(writeResult(result));
  if (!results.empty()) value["metricResults"] = std::move(results);
  put(value, "startedAt", status.started_at);
  put(value, "completedAt", status.completed_at);
  value["runSummary"] = writeSummary(status.run_summary);
  if (status.dry_run_summary) value["dryRunSummary"] = writeSummary(*status.dry_run_summary);
  return value;
}

Value analysisRunStatusPatch(const Value& run, const model::AnalysisRunStatus& next) {
  const Value known = run["status"].isObject() ? writeAnalysisRunStatus(readAnalysisRunStatus(run)) : Value(Object{});
  Value difference = json::diffMerge(known, writeAnalysisRunStatus(next));
  Value patch = Object{};
  if (!difference.asObject().empty()) patch["status"] = std::move(difference);
  return patch;
}

}  // namespace towpath::control::objects
