#include "api/analysis_view.h"

#include <charconv>

#include "api/decode.h"

namespace towpath::api {

namespace {

using namespace model;

// A count that may be text, as argument substitution leaves it; text that is no number reads as 0, as the peer reads
// it.
std::int32_t countOr(const Value& value, std::int32_t otherwise) {
  const std::string* text = value.ifString();
  if (!text) return intOr(value, otherwise);
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  return error == std::errc() && end == text->data() + text->size() ? number : 0;
}

std::vector<Metric> decodeMetrics(const Value& list) { return decodeList<Metric>(list, decodeMetric); }
std::vector<Argument> decodeArguments(const Value& list) { return decodeList<Argument>(list, decodeArgument); }

std::vector<DryRun> decodeDryRun(const Value& list) {
  return decodeList<DryRun>(list, [](const Value& rule) { return DryRun{rule["metricName"].asString()}; });
}

std::vector<MeasurementRetention> decodeRetention(const Value& list) {
  return decodeList<MeasurementRetention>(list, [](const Value& rule) {
    return MeasurementRetention{rule["metricName"].asString(), intOr(rule["limit"], 0)};
  });
}

Measurement decodeMeasurement(const Value& value) {
  Measurement measurement;
  measurement.phase = parseAnalysisPhase(value["phase"].asStringView());
  measurement.message = value["message"].asString();
  measurement.value = value["value"].asString();
  measurement.started_at = optionalTime(value["startedAt"]);
  measurement.finished_at = optionalTime(value["finishedAt"]);
  measurement.resume_at = optionalTime(value["resumeAt"]);
  measurement.metadata = stringMap(value["metadata"]);
  return measurement;
}

Value encodeMeasurement(const Measurement& measurement) {
  Object object{{"phase", toString(measurement.phase)}};
  put(object, "message", measurement.message);
  put(object, "startedAt", measurement.started_at);
  put(object, "finishedAt", measurement.finished_at);
  put(object, "value", measurement.value);
  put(object, "metadata", measurement.metadata);
  put(object, "resumeAt", measurement.resume_at);
  return object;
}

MetricResult decodeMetricResult(const Value& value) {
  MetricResult result;
  result.name = value["name"].asString();
  result.phase = parseAnalysisPhase(value["phase"].asStringView());
  result.message = value["message"].asString();
  result.measurements = decodeList<Measurement>(value["measurements"], decodeMeasurement);
  result.count = intOr(value["count"], 0);
  result.successful = intOr(value["successful"], 0);
  result.failed = intOr(value["failed"], 0);
  result.inconclusive = intOr(value["inconclusive"], 0);
  result.error = intOr(value["error"], 0);
  result.consecutive_error = intOr(value["consecutiveError"], 0);
  result.consecutive_success = intOr(value["consecutiveSuccess"], 0);
  result.dry_run = value["dryRun"].asBool();
  result.metadata = stringMap(value["metadata"]);
  return result;
}

Value encodeMetricResult(const MetricResult& result) {
  Object object{{"name", result.name}, {"phase", toString(result.phase)}};
  put(object, "measurements", encodeList(result.measurements, encodeMeasurement));
  put(object, "message", result.message);
  put(object, "count", std::int64_t{result.count});
  put(object, "successful", std::int64_t{result.successful});
  put(object, "failed", std::int64_t{result.failed});
  put(object, "inconclusive", std::int64_t{result.inconclusive});
  put(object, "error", std::int64_t{result.error});
  put(object, "consecutiveError", std::int64_t{result.consecutive_error});
  put(object, "dryRun", result.dry_run);
  put(object, "metadata", result.metadata);
  put(object, "consecutiveSuccess", std::int64_t{result.consecutive_success});
  return object;
}

RunSummary decodeSummary(const Value& value) {
  return {intOr(value["count"], 0), intOr(value["successful"], 0), intOr(value["failed"], 0),
          intOr(value["inconclusive"], 0), intOr(value["error"], 0)};
}

Value encodeSummary(const RunSummary& summary) {
  Object object;
  put(object, "count", std::int64_t{summary.count});
  put(object, "successful", std::int64_t{summary.successful});
  put(object, "failed", std::int64_t{summary.failed});
  put(object, "inconclusive", std::int64_t{summary.inconclusive});
  put(object, "error", std::int64_t{summary.error});
  return object;
}

std::optional<PodTemplateHashValue> decodeHashValue(const Value& value) {
  if (value.asStringView() == "Latest") return PodTemplateHashValue::kLatest;
  if (value.asStringView() == "Stable") return PodTemplateHashValue::kStable;
  return std::nullopt;
}

}  // namespace

model::Metric decodeMetric(const Value& metric) {
  Metric result;
  result.name = metric["name"].asString();
  result.interval = metric["interval"].asString();
  result.initial_delay = metric["initialDelay"].asString();
  result.count = countOr(metric["count"], 0);
  result.success_condition = metric["successCondition"].asString();
  result.failure_condition = metric["failureCondition"].asString();
  result.failure_limit = countOr(metric["failureLimit"], result.failure_limit);
  result.inconclusive_limit = countOr(metric["inconclusiveLimit"], result.inconclusive_limit);
  result.consecutive_error_limit = countOr(metric["consecutiveErrorLimit"], result.consecutive_error_limit);
  result.consecutive_success_limit = countOr(metric["consecutiveSuccessLimit"], result.consecutive_success_limit);
  for (const Object::Member& provider : metric["provider"].asObject()) {
    if (!provider.value.isNull()) result.providers.push_back(provider.key);
  }
  return result;
}

model::Argument decodeArgument(const Value& argument) {
  Argument result;
  result.name = argument["name"].asString();
  result.value = optionalString(argument["value"]);
  const Value& source = argument["valueFrom"];
  result.pod_template_hash = decodeHashValue(source["podTemplateHashValue"]);
  result.field_path = optionalString(source["fieldRef"]["fieldPath"]);
  if (const Value& secret = source["secretKeyRef"]; secret.isObject()) {
    result.secret = SecretKeyRef{secret["name"].asString(), secret["key"].asString()};
  }
  return result;
}

Value encodeArgument(const model::Argument& argument) {
  Object object{{"name", argument.name}};
  if (argument.value) object.set("value", *argument.value);
  Object source;
  if (argument.pod_template_hash) {
    source.set("podTemplateHashValue",
               *argument.pod_template_hash == PodTemplateHashValue::kLatest ? "Latest" : "Stable");
  }
  if (argument.field_path) source.set("fieldRef", Object{{"fieldPath", *argument.field_path}});
  if (argument.secret) {
    source.set("secretKeyRef", Object{{"name", argument.secret->name}, {"key", argument.secret->key}});
  }
  put(object, "valueFrom", Value(std::move(source)));
  return object;
}

model::AnalysisTemplate decodeAnalysisTemplate(const Value& object) {
  const Value& spec = object["spec"];
  AnalysisTemplate result;
  result.name = object["metadata"]["name"].asString();
  result.cluster_scope = object["kind"].asStringView() == "ClusterAnalysisTemplate";
  result.metrics = decodeMetrics(spec["metrics"]);
  result.args = decodeArguments(spec["args"]);
  result.dry_run = decodeDryRun(spec["dryRun"]);
  result.measurement_retention = decodeRetention(spec["measurementRetention"]);
  result.templates = decodeList<TemplateRef>(spec["templates"], [](const Value& entry) {
    return TemplateRef{entry["templateName"].asString(), entry["clusterScope"].asBool()};
  });
  return result;
}

model::AnalysisRunSpec decodeAnalysisRunSpec(const Value& object) {
  const Value& value = object["spec"];
  AnalysisRunSpec spec;
  spec.metrics = decodeMetrics(value["metrics"]);
  spec.args = decodeArguments(value["args"]);
  spec.dry_run = decodeDryRun(value["dryRun"]);
  spec.measurement_retention = decodeRetention(value["measurementRetention"]);
  spec.terminate = value["terminate"].asBool();
  if (const Value& ttl = value["ttlStrategy"]; ttl.isObject()) {
    spec.ttl = TtlStrategy{optionalInt(ttl["secondsAfterCompletion"]), optionalInt(ttl["secondsAfterFailure"]),
                           optionalInt(ttl["secondsAfterSuccess"])};
  }
  return spec;
}

model::AnalysisRunStatus decodeAnalysisRunStatus(const Value& object) {
  const Value& value = object["status"];
  AnalysisRunStatus status;
  status.phase = parseAnalysisPhase(value["phase"].asStringView());
  status.message = value["message"].asString();
  status.metric_results = decodeList<MetricResult>(value["metricResults"], decodeMetricResult);
  status.started_at = optionalTime(value["startedAt"]);
  status.completed_at = optionalTime(value["completedAt"]);
  status.run_summary = decodeSummary(value["runSummary"]);
  if (value["dryRunSummary"].isObject()) status.dry_run_summary = decodeSummary(value["dryRunSummary"]);
  return status;
}

Value encodeAnalysisRunStatus(const model::AnalysisRunStatus& status) {
  Object object{{"phase", toString(status.phase)}};
  put(object, "message", status.message);
  put(object, "metricResults", encodeList(status.metric_results, encodeMetricResult));
  put(object, "startedAt", status.started_at);
  object.set("runSummary", encodeSummary(status.run_summary));
  if (status.dry_run_summary) object.set("dryRunSummary", encodeSummary(*status.dry_run_summary));
  put(object, "completedAt", status.completed_at);
  return object;
}

}  // namespace towpath::api
