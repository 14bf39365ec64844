#include "api/decode.h"
#include "api/rollout_view.h"

namespace towpath::api {

namespace {

using namespace model;

std::optional<AnalysisRunRef> decodeRunRef(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  return AnalysisRunRef{value["name"].asString(), parseAnalysisPhase(value["status"].asStringView()),
                        value["message"].asString()};
}

Value encodeRunRef(const std::optional<AnalysisRunRef>& run) {
  if (!run) return Value();
  Object object{{"name", run->name}, {"status", toString(run->phase)}};
  put(object, "message", run->message);
  return object;
}

WeightDestination decodeDestination(const Value& value) {
  return {intOr(value["weight"], 0), value["serviceName"].asString(), value["podTemplateHash"].asString()};
}

Value encodeDestination(const WeightDestination& destination) {
  Object object{{"weight", destination.weight}};
  put(object, "serviceName", destination.service_name);
  put(object, "podTemplateHash", destination.hash);
  return object;
}

std::optional<TrafficWeights> decodeWeights(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  TrafficWeights weights{decodeDestination(value["canary"]), decodeDestination(value["stable"]), {}, {}};
  weights.additional = decodeList<WeightDestination>(value["additional"], decodeDestination);
  if (const bool* verified = value["verified"].ifBool()) weights.verified = *verified;
  return weights;
}

Value encodeWeights(const std::optional<TrafficWeights>& weights) {
  if (!weights) return Value();
  Object object{{"canary", encodeDestination(weights->canary)}, {"stable", encodeDestination(weights->stable)}};
  put(object, "additional", encodeList(weights->additional, encodeDestination));
  if (weights->verified) object.set("verified", *weights->verified);
  return object;
}

StepPluginStatus decodePluginStatus(const Value& value) {
  StepPluginStatus status;
  status.index = intOr(value["index"], 0);
  status.name = value["name"].asString();
  status.operation = value["operation"].asString();
  status.phase = value["phase"].asString();
  status.message = value["message"].asString();
  status.started_at = optionalTime(value["startedAt"]);
  status.updated_at = optionalTime(value["updatedAt"]);
  status.finished_at = optionalTime(value["finishedAt"]);
  if (const Result<Duration> backoff = parseGoDuration(value["backoff"].asStringView())) status.backoff = *backoff;
  status.executions = intOr(value["executions"], 0);
  status.disabled = value["disabled"].asBool();
  status.status = value["status"];
  return status;
}

Value encodePluginStatus(const StepPluginStatus& status) {
  Object object{{"index", status.index}, {"name", status.name}, {"operation", status.operation}};
  put(object, "phase", status.phase);
  put(object, "message", status.message);
  put(object, "startedAt", status.started_at);
  put(object, "updatedAt", status.updated_at);
  put(object, "finishedAt", status.finished_at);
  if (status.backoff) object.set("backoff", formatGoDuration(*status.backoff));
  put(object, "executions", std::int64_t{status.executions});
  put(object, "disabled", status.disabled);
  if (!status.status.isNull()) object.set("status", status.status);
  return object;
}

CanaryStatus decodeCanary(const Value& value) {
  CanaryStatus status;
  status.weights = decodeWeights(value["weights"]);
  status.step_analysis = decodeRunRef(value["currentStepAnalysisRunStatus"]);
  status.background_analysis = decodeRunRef(value["currentBackgroundAnalysisRunStatus"]);
  status.current_experiment = value["currentExperiment"].asString();
  status.stable_ping_pong = value["stablePingPong"].asString();
  status.step_plugins = decodeList<StepPluginStatus>(value["stepPluginStatuses"], decodePluginStatus);
  return status;
}

Value encodeCanary(const CanaryStatus& status) {
  Object object;
  put(object, "weights", encodeWeights(status.weights));
  put(object, "currentStepAnalysisRunStatus", encodeRunRef(status.step_analysis));
  put(object, "currentBackgroundAnalysisRunStatus", encodeRunRef(status.background_analysis));
  put(object, "currentExperiment", status.current_experiment);
  put(object, "stablePingPong", status.stable_ping_pong);
  put(object, "stepPluginStatuses", encodeList(status.step_plugins, encodePluginStatus));
  return object;
}

BlueGreenStatus decodeBlueGreen(const Value& value) {
  BlueGreenStatus status;
  status.active_selector = value["activeSelector"].asString();
  status.preview_selector = value["previewSelector"].asString();
  status.scale_up_preview_checkpoint = value["scaleUpPreviewCheckPoint"].asBool();
  status.pre_promotion_analysis = decodeRunRef(value["prePromotionAnalysisRunStatus"]);
  status.post_promotion_analysis = decodeRunRef(value["postPromotionAnalysisRunStatus"]);
  return status;
}

Value encodeBlueGreen(const BlueGreenStatus& status) {
  Object object;
  put(object, "activeSelector", status.active_selector);
  put(object, "previewSelector", status.preview_selector);
  put(object, "scaleUpPreviewCheckPoint", status.scale_up_preview_checkpoint);
  put(object, "prePromotionAnalysisRunStatus", encodeRunRef(status.pre_promotion_analysis));
  put(object, "postPromotionAnalysisRunStatus", encodeRunRef(status.post_promotion_analysis));
  return object;
}

std::optional<AttemptDuration> decodeDuration(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  return AttemptDuration{optionalTime(value["rolloutStartedAt"]), optionalTime(value["manualPauseStartedAt"]),
                         value["totalManualPauseDurationSeconds"].asInt(), optionalTime(value["finishedAt"]),
                         value["completionStatus"].asString()};
}

Value encodeDuration(const std::optional<AttemptDuration>& duration) {
  if (!duration) return Value();
  Object object;
  put(object, "rolloutStartedAt", duration->started_at);
  put(object, "manualPauseStartedAt", duration->manual_pause_started_at);
  put(object, "totalManualPauseDurationSeconds", duration->manual_pause_seconds);
  put(object, "finishedAt", duration->finished_at);
  put(object, "completionStatus", duration->completion_status);
  return object;
}

std::vector<PauseCondition> decodePauses(const Value& list) {
  std::vector<PauseCondition> pauses;
  for (const Value& entry : list.asArray()) {
    const std::optional<PauseReason> reason = parsePauseReason(entry["reason"].asStringView());
    if (reason) pauses.push_back({*reason, optionalTime(entry["startTime"]).value_or(WallTime{})});
  }
  return pauses;
}

Value encodePause(const PauseCondition& pause) {
  return Object{{"reason", toString(pause.reason)}, {"startTime", formatRfc3339(pause.start_time)}};
}

void putCounters(Object& object, const RolloutStatus& status) {
  put(object, "replicas", std::int64_t{status.replicas});
  put(object, "updatedReplicas", std::int64_t{status.updated_replicas});
  put(object, "readyReplicas", std::int64_t{status.ready_replicas});
  put(object, "availableReplicas", std::int64_t{status.available_replicas});
  put(object, "HPAReplicas", std::int64_t{status.hpa_replicas});
}

}  // namespace

model::Conditions decodeConditions(const Value& list) {
  return decodeList<Condition>(list, [](const Value& value) {
    Condition condition{value["type"].asString(), parseConditionStatus(value["status"].asStringView()),
                        value["reason"].asString(), value["message"].asString()};
    condition.last_transition_time = optionalTime(value["lastTransitionTime"]).value_or(WallTime{});
    condition.last_update_time = optionalTime(value["lastUpdateTime"]).value_or(condition.last_transition_time);
    return condition;
  });
}

Value encodeConditions(const model::Conditions& conditions) {
  return encodeList(conditions, [](const Condition& condition) -> Value {
    return Object{{"type", condition.type},
                  {"status", toString(condition.status)},
                  {"lastUpdateTime", formatRfc3339(condition.last_update_time)},
                  {"lastTransitionTime", formatRfc3339(condition.last_transition_time)},
                  {"reason", condition.reason},
                  {"message", condition.message}};
  });
}

model::RolloutStatus decodeRolloutStatus(const Value& object) {
  const Value& value = object["status"];
  RolloutStatus status;
  status.observed_generation = value["observedGeneration"].asString();
  status.workload_observed_generation = value["workloadObservedGeneration"].asString();
  status.current_pod_hash = value["currentPodHash"].asString();
  status.current_step_hash = value["currentStepHash"].asString();
  status.current_step_index = optionalInt(value["currentStepIndex"]);
  status.stable_rs = value["stableRS"].asString();
  status.replicas = intOr(value["replicas"], 0);
  status.updated_replicas = intOr(value["updatedReplicas"], 0);
  status.ready_replicas = intOr(value["readyReplicas"], 0);
  status.available_replicas = intOr(value["availableReplicas"], 0);
  status.hpa_replicas = intOr(value["HPAReplicas"], 0);
  status.selector = value["selector"].asString();
  status.collision_count = optionalInt(value["collisionCount"]);
  status.pause_conditions = decodePauses(value["pauseConditions"]);
  status.controller_pause = value["controllerPause"].asBool();
  status.abort = value["abort"].asBool();
  status.aborted_at = optionalTime(value["abortedAt"]);
  status.promote_full = value["promoteFull"].asBool();
  status.restarted_at = optionalTime(value["restartedAt"]);
  status.conditions = decodeConditions(value["conditions"]);
  status.phase = parseRolloutPhase(value["phase"].asStringView());
  status.message = value["message"].asString();
  status.canary = decodeCanary(value["canary"]);
  status.blue_green = decodeBlueGreen(value["blueGreen"]);
  status.duration = decodeDuration(value["duration"]);
  return status;
}

Value encodeRolloutStatus(const model::RolloutStatus& status) {
  Object object;
  put(object, "observedGeneration", status.observed_generation);
  put(object, "workloadObservedGeneration", status.workload_observed_generation);
  put(object, "currentPodHash", status.current_pod_hash);
  put(object, "currentStepHash", status.current_step_hash);
  if (status.current_step_index) object.set("currentStepIndex", *status.current_step_index);
  put(object, "stableRS", status.stable_rs);
  putCounters(object, status);
  put(object, "selector", status.selector);
  if (status.collision_count) object.set("collisionCount", *status.collision_count);
  put(object, "pauseConditions", encodeList(status.pause_conditions, encodePause));
  put(object, "controllerPause", status.controller_pause);
  put(object, "abort", status.abort);
  put(object, "abortedAt", status.aborted_at);
  put(object, "promoteFull", status.promote_full);
  put(object, "restartedAt", status.restarted_at);
  put(object, "conditions", encodeConditions(status.conditions));
  put(object, "phase", std::string(toString(status.phase)));
  put(object, "message", status.message);
  object.set("canary", encodeCanary(status.canary));
  object.set("blueGreen", encodeBlueGreen(status.blue_green));
  if (status.duration) object.set("duration", encodeDuration(status.duration));
  return object;
}

}  // namespace towpath::api
