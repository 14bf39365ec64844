#include "api/keys.h"
#include "control/objects/read.h"
#include "control/objects/rollout.h"
#include "json/patch.h"

namespace towpath::control::objects {
namespace {

model::Conditions readConditions(const Value& value) {
  model::Conditions conditions;
  for (const Value& entry : value.asArray()) {
    conditions.push_back({entry["type"].asString(), model::parseConditionStatus(entry["status"].asStringView()),
                          entry["reason"].asString(), entry["message"].asString(),
                          optionalTime(entry["lastUpdateTime"]).value_or(WallTime{}),
                          optionalTime(entry["lastTransitionTime"]).value_or(WallTime{})});
  }
  return conditions;
}

Value writeConditions(const model::Conditions& conditions) {
  Array list;
  for (const model::Condition& condition : conditions) {
    Value entry;
    entry["type"] = condition.type;
    entry["status"] = model::toString(condition.status);
    entry["reason"] = condition.reason;
    entry["message"] = condition.message;
    entry["lastUpdateTime"] = formatRfc3339(condition.last_update_time);
    entry["lastTransitionTime"] = formatRfc3339(condition.last_transition_time);
    list.push_back(std::move(entry));
  }
  return list;
}

std::optional<model::AnalysisRunRef> readRun(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  return model::AnalysisRunRef{value["name"].asString(), model::parseAnalysisPhase(value["status"].asStringView()),
                               value["message"].asString()};
}

void putRun(Value& object, const char* key, const std::optional<model::AnalysisRunRef>& run) {
  if (!run) return;
  Value& entry = object[key];
  entry["name"] = run->name;
  entry["status"] = model::toString(run->phase);
  put(entry, "message", run->message);
}

model::WeightDestination readDestination(const Value& value) {
  return {int32(value["weight"]), value["serviceName"].asString(), value["podTemplateHash"].asString()};
}

Value writeDestination(const model::WeightDestination& destination) {
  Value value;
  value["weight"] = destination.weight;
  put(value, "serviceName", destination.service_name);
  put(value, "podTemplateHash", destination.hash);
  return value;
}

std::optional<model::TrafficWeights> readWeights(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  model::TrafficWeights weights;
  weights.canary = readDestination(value["canary"]);
  weights.stable = readDestination(value["stable"]);
  for (const Value& entry : value["additional"].asArray()) weights.additional.push_back(readDestination(entry));
  if (value["verified"].isBool()) weights.verified = value["verified"].asBool();
  return weights;
}

Value writeWeights(const model::TrafficWeights& weights) {
  Value value;
  value["canary"] = writeDestination(weights.canary);
  value["stable"] = writeDestination(weights.stable);
  Array additional;
  for (const model::WeightDestination& destination : weights.additional) {
    additional.push_back(writeDestination(destination));
  }
  if (!additional.empty()) value["additional"] = std::move(additional);
  if (weights.verified) value["verified"] = *weights.verified;
  return value;
}

model::StepPluginStatus readPlugin(const Value& value) {
  model::StepPluginStatus status;
  status.index = int32(value["index"]);
  status.name = value["name"].asString();
  status.operation = value["operation"].asString();
  status.phase = value["phase"].asString();
  status.message = value["message"].asString();
  status.started_at = optionalTime(value["startedAt"]);
  status.updated_at = optionalTime(value["updatedAt"]);
  status.finished_at = optionalTime(value["finishedAt"]);
  if (const Result<Duration> backoff = parseGoDuration(value["backoff"].asStringView())) status.backoff = *backoff;
  status.executions = int32(value["executions"]);
  status.disabled = value["disabled"].asBool();
  return status;
}

Value writePlugin(const model::StepPluginStatus& status) {
  Value value;
  value["index"] = status.index;
  value["name"] = status.name;
  value["operation"] = status.operation;
  put(value, "phase", status.phase);
  put(value, "message", status.message);
  put(value, "startedAt", status.started_at);
  put(value, "updatedAt", status.updated_at);
  put(value, "finishedAt", status.finished_at);
  if (status.backoff) value["backoff"] = formatGoDuration(*status.backoff);
  put(value, "executions", status.executions);
  put(value, "disabled", status.disabled);
  return value;
}

model::CanaryStatus readCanary(const Value& value) {
  model::CanaryStatus canary;
  canary.weights = readWeights(value["weights"]);
  canary.step_analysis = readRun(value["currentStepAnalysisRunStatus"]);
  canary.background_analysis = readRun(value["currentBackgroundAnalysisRunStatus"]);
  canary.current_experiment = value["currentExperiment"].asString();
  canary.stable_ping_pong = value["stablePingPong"].asString();
  for (const Value& entry : value["stepPluginStatuses"].asArray()) canary.step_plugins.push_back(readPlugin(entry));
  return canary;
}

Value writeCanary(const model::CanaryStatus& canary) {
  Value value = Object{};
  if (canary.weights) value["weights"] = writeWeights(*canary.weights);
  putRun(value, "currentStepAnalysisRunStatus", canary.step_analysis);
  putRun(value, "currentBackgroundAnalysisRunStatus", canary.background_analysis);
  put(value, "currentExperiment", canary.current_experiment);
  put(value, "stablePingPong", canary.stable_ping_pong);
  Array plugins;
  for (const model::StepPluginStatus& plugin : canary.step_plugins) plugins.push_back(writePlugin(plugin));
  if (!plugins.empty()) value["stepPluginStatuses"] = std::move(plugins);
  return value;
}

model::BlueGreenStatus readBlueGreen(const Value& value) {
  return {value["activeSelector"].asString(), value["previewSelector"].asString(),
          value["scaleUpPreviewCheckPoint"].asBool(), readRun(value["prePromotionAnalysisRunStatus"]),
          readRun(value["postPromotionAnalysisRunStatus"])};
}

Value writeBlueGreen(const model::BlueGreenStatus& status) {
  Value value = Object{};
  put(value, "activeSelector", status.active_selector);
  put(value, "previewSelector", status.preview_selector);
  put(value, "scaleUpPreviewCheckPoint", status.scale_up_preview_checkpoint);
  putRun(value, "prePromotionAnalysisRunStatus", status.pre_promotion_analysis);
  putRun(value, "postPromotionAnalysisRunStatus", status.post_promotion_analysis);
  return value;
}

std::optional<model::AttemptDuration> readDuration(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  return model::AttemptDuration{optionalTime(value["rolloutStartedAt"]), optionalTime(value["manualPauseStartedAt"]),
                                value["totalManualPauseDurationSeconds"].asInt(), optionalTime(value["finishedAt"]),
                                value["completionStatus"].asString()};
}

Value writeDuration(const model::AttemptDuration& duration) {
  Value value = Object{};
  put(value, "rolloutStartedAt", duration.started_at);
  put(value, "manualPauseStartedAt", duration.manual_pause_started_at);
  if (duration.manual_pause_seconds != 0) value["totalManualPauseDurationSeconds"] = duration.manual_pause_seconds;
  put(value, "finishedAt", duration.finished_at);
  put(value, "completionStatus", duration.completion_status);
  return value;
}

std::vector<model::PauseCondition> readPauses(const Value& value) {
  std::vector<model::PauseCondition> pauses;
  for (const Value& entry : value.asArray()) {
    const std::optional<model::PauseReason> reason = model::parsePauseReason(entry["reason"].asStringView());
    if (reason) pauses.push_back({*reason, optionalTime(entry["startTime"]).value_or(WallTime{})});
  }
  return pauses;
}

void putPauses(Value& status, const std::vector<model::PauseCondition>& pauses) {
  if (pauses.empty()) return;
  Array list;
  for (const model::PauseCondition& pause : pauses) {
    Value entry;
    entry["reason"] = model::toString(pause.reason);
    entry["startTime"] = formatRfc3339(pause.start_time);
    list.push_back(std::move(entry));
  }
  status["pauseConditions"] = std::move(list);
}

void putCounters(Value& value, const model::RolloutStatus& status) {
  put(value, "replicas", status.replicas);
  put(value, "updatedReplicas", status.updated_replicas);
  put(value, "readyReplicas", status.ready_replicas);
  put(value, "availableReplicas", status.available_replicas);
  put(value, "HPAReplicas", status.hpa_replicas);
}

}  // namespace

model::RolloutStatus readRolloutStatus(const Value& rollout) {
  const Value& value = rollout["status"];
  model::RolloutStatus status;
  const Value& observed = value["observedGeneration"];
  status.observed_generation = observed.isNumber() ? std::to_string(observed.asInt()) : observed.asString();
  status.workload_observed_generation = value["workloadObservedGeneration"].asString();
  status.current_pod_hash = value["currentPodHash"].asString();
  status.current_step_hash = value["currentStepHash"].asString();
  status.current_step_index = optionalInt32(value["currentStepIndex"]);
  status.stable_rs = value["stableRS"].asString();
  status.replicas = int32(value["replicas"]);
  status.updated_replicas = int32(value["updatedReplicas"]);
  status.ready_replicas = int32(value["readyReplicas"]);
  status.available_replicas = int32(value["availableReplicas"]);
  status.hpa_replicas = int32(value["HPAReplicas"]);
  status.selector = value["selector"].asString();
  status.collision_count = optionalInt32(value["collisionCount"]);
  status.pause_conditions = readPauses(value["pauseConditions"]);
  status.controller_pause = value["controllerPause"].asBool();
  status.abort = value["abort"].asBool();
  status.aborted_at = optionalTime(value["abortedAt"]);
  status.promote_full = value["promoteFull"].asBool();
  status.restarted_at = optionalTime(value["restartedAt"]);
  status.conditions = readConditions(value["conditions"]);
  status.phase = model::parseRolloutPhase(value["phase"].asStringView());
  status.message = value["message"].asString();
  status.canary = readCanary(value["canary"]);
  status.blue_green = readBlueGreen(value["blueGreen"]);
  status.duration = readDuration(value["duration"]);
  return status;
}

Value writeRolloutStatus(const model::RolloutStatus& status) {
  Value value = Object{};
  put(value, "observedGeneration", status.observed_generation);
  put(value, "workloadObservedGeneration", status.workload_observed_generation);
  put(value, "currentPodHash", status.current_pod_hash);
  put(value, "currentStepHash", status.current_step_hash);
  put(value, "currentStepIndex", status.current_step_index);
  put(value, "stableRS", status.stable_rs);
  putCounters(value, status);
  put(value, "selector", status.selector);
  put(value, "collisionCount", status.collision_count);
  putPauses(value, status.pause_conditions);
  put(value, "controllerPause", status.controller_pause);
  put(value, "abort", status.abort);
  put(value, "abortedAt", status.aborted_at);
  put(value, "promoteFull", status.promote_full);
  put(value, "restartedAt", status.restarted_at);
  if (!status.conditions.empty()) value["conditions"] = writeConditions(status.conditions);
  put(value, "phase", std::string(model::toString(status.phase)));
  put(value, "message", status.message);
  value["canary"] = writeCanary(status.canary);
  value["blueGreen"] = writeBlueGreen(status.blue_green);
  if (status.duration) value["duration"] = writeDuration(*status.duration);
  return value;
}

Value rolloutStatusPatch(const Value& rollout, const model::RolloutStatus& next) {
  const Value known = writeRolloutStatus(readRolloutStatus(rollout));
  Value difference = json::diffMerge(known, writeRolloutStatus(next));
  Value patch = Object{};
  if (!difference.asObject().empty()) patch["status"] = std::move(difference);
  return patch;
}

}  // namespace towpath::control::objects
