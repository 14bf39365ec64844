#include <fmt/format.h>

#include "api/keys.h"
#include "cluster/object.h"
#include "cluster/selector.h"
#include "control/objects/analysis.h"
#include "control/objects/read.h"
#include "control/objects/rollout.h"

namespace towpath::control::objects {
namespace {

model::ObjectMetadata readMetadata(const Value& value) {
  return {textMap(value["labels"]), textMap(value["annotations"])};
}

std::optional<model::ObjectMetadata> optionalMetadata(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  return readMetadata(value);
}

std::optional<model::AntiAffinity> readAntiAffinity(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  const Value& preferred = value["preferredDuringSchedulingIgnoredDuringExecution"];
  if (preferred.isObject()) return model::AntiAffinity{int32(preferred["weight"])};
  return model::AntiAffinity{};
}

model::StringMatch readStringMatch(const Value& value) {
  return {value["exact"].asString(), value["prefix"].asString(), value["regex"].asString()};
}

std::optional<model::StringMatch> optionalStringMatch(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  return readStringMatch(value);
}

model::SetHeaderRouteStep readHeaderRoute(const Value& value) {
  model::SetHeaderRouteStep step{value["name"].asString(), {}};
  for (const Value& match : value["match"].asArray()) {
    step.match.push_back({match["headerName"].asString(), readStringMatch(match["headerValue"])});
  }
  return step;
}

model::SetMirrorRouteStep readMirrorRoute(const Value& value) {
  model::SetMirrorRouteStep step;
  step.name = value["name"].asString();
  step.percentage = optionalInt32(value["percentage"]);
  for (const Value& match : value["match"].asArray()) {
    model::RouteMatch route{optionalStringMatch(match["method"]), optionalStringMatch(match["path"]), {}};
    for (const auto& [name, header] : match["headers"].asObject()) {
      route.headers.push_back({name, readStringMatch(header)});
    }
    step.match.push_back(std::move(route));
  }
  return step;
}

Result<model::Step> readPause(const Value& pause, const std::string& path) {
  model::PauseStep step;
  const Value& duration = pause["duration"];
  if (duration.isNull()) return step;
  step.duration_text = duration.isNumber() ? std::to_string(duration.asInt()) : duration.asString();
  const Result<Duration> parsed = model::parsePauseDuration(step.duration_text);
  if (!parsed) {
    return fail(ErrorKind::kInvalid,
                "Invalid value: \"" + step.duration_text + "\": Duration needs to be greater than 0",
                path + ".pause.duration");
  }
  step.duration = *parsed;
  return step;
}

model::ExperimentStep readExperiment(const Value& value) {
  model::ExperimentStep step;
  for (const Value& entry : value["templates"].asArray()) {
    step.templates.push_back({entry["name"].asString(), entry["specRef"].asString(), optionalInt32(entry["replicas"]),
                              optionalInt32(entry["weight"])});
  }
  if (const Result<Duration> duration = parseGoDuration(value["duration"].asStringView())) step.duration = *duration;
  return step;
}

// The order says which one counts if several are given (core-semantics 5).
Result<model::Step> readStep(const Value& step, const std::string& path) {
  if (step["pause"].isObject()) return readPause(step["pause"], path);
  if (step["setCanaryScale"].isObject()) {
    const Value& scale = step["setCanaryScale"];
    return model::SetCanaryScaleStep{optionalInt32(scale["replicas"]), optionalInt32(scale["weight"]),
                                     scale["matchTrafficWeight"].asBool()};
  }
  if (step["setWeight"].isNumber()) return model::SetWeightStep{int32(step["setWeight"])};
  if (step["experiment"].isObject()) return readExperiment(step["experiment"]);
  if (step["analysis"].isObject()) return model::AnalysisStep{readAnalysisRef(step["analysis"])};
  if (step["setHeaderRoute"].isObject()) return readHeaderRoute(step["setHeaderRoute"]);
  if (step["setMirrorRoute"].isObject()) return readMirrorRoute(step["setMirrorRoute"]);
  if (step["plugin"].isObject()) return model::PluginStep{step["plugin"]["name"].asString()};
  return model::InvalidStep{};
}

model::TrafficRouting readRouting(const Value& value) {
  model::TrafficRouting routing;
  for (const auto& [key, config] : value.asObject()) {
    if (key == "managedRoutes" || key == "maxTrafficWeight" || config.isNull()) continue;
    if (key != "plugins") {
      routing.routers.push_back(key);
      continue;
    }
    for (const auto& [name, settings] : config.asObject()) routing.routers.push_back("plugins/" + name);
  }
  routing.max_traffic_weight = optionalInt32(value["maxTrafficWeight"]);
  for (const Value& route : value["managedRoutes"].asArray())
    routing.managed_routes.push_back(route["name"].asString());
  return routing;
}

void readCanaryOptions(const Value& value, model::CanaryStrategy& canary) {
  canary.max_surge = intOrPercent(value["maxSurge"], canary.max_surge);
  canary.max_unavailable = intOrPercent(value["maxUnavailable"], canary.max_unavailable);
  canary.scale_down_delay_seconds = optionalInt32(value["scaleDownDelaySeconds"]);
  canary.scale_down_delay_revision_limit = optionalInt32(value["scaleDownDelayRevisionLimit"]);
  canary.abort_scale_down_delay_seconds = optionalInt32(value["abortScaleDownDelaySeconds"]);
  canary.dynamic_stable_scale = value["dynamicStableScale"].asBool();
  canary.min_pods_per_replica_set = optionalInt32(value["minPodsPerReplicaSet"]);
  const Value& threshold = value["replicaProgressThreshold"];
  if (threshold.isObject()) {
    const bool pods = threshold["type"].asStringView() == "Pod";
    canary.replica_progress_threshold = {
        pods ? model::ProgressThresholdType::kPod : model::ProgressThresholdType::kPercent, int32(threshold["value"])};
  }
  const Value& ping_pong = value["pingPong"];
  if (ping_pong.isObject()) {
    canary.ping_pong = {ping_pong["pingService"].asString(), ping_pong["pongService"].asString()};
  }
  canary.anti_affinity = readAntiAffinity(value["antiAffinity"]);
  canary.canary_metadata = optionalMetadata(value["canaryMetadata"]);
  canary.stable_metadata = optionalMetadata(value["stableMetadata"]);
}

Result<model::CanaryStrategy> readCanary(const Value& value) {
  model::CanaryStrategy canary;
  canary.canary_service = value["canaryService"].asString();
  canary.stable_service = value["stableService"].asString();
  const Array& steps = value["steps"].asArray();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Result<model::Step> step = readStep(steps[i], fmt::format("spec.strategy.steps[{}]", i));
    if (!step) return std::unexpected(step.error());
    canary.steps.push_back(std::move(*step));
  }
  if (value["trafficRouting"].isObject()) canary.traffic_routing = readRouting(value["trafficRouting"]);
  const Value& analysis = value["analysis"];
  if (analysis.isObject()) {
    canary.analysis = model::BackgroundAnalysis{readAnalysisRef(analysis), optionalInt32(analysis["startingStep"])};
  }
  readCanaryOptions(value, canary);
  return canary;
}

std::optional<model::AnalysisRef> optionalAnalysis(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  return readAnalysisRef(value);
}

model::BlueGreenStrategy readBlueGreen(const Value& value) {
  model::BlueGreenStrategy strategy;
  strategy.active_service = value["activeService"].asString();
  strategy.preview_service = value["previewService"].asString();
  strategy.preview_replica_count = optionalInt32(value["previewReplicaCount"]);
  strategy.auto_promotion_enabled = value["autoPromotionEnabled"].asBool(true);
  strategy.auto_promotion_seconds = int32(value["autoPromotionSeconds"]);
  strategy.max_unavailable = intOrPercent(value["maxUnavailable"], strategy.max_unavailable);
  strategy.scale_down_delay_seconds = optionalInt32(value["scaleDownDelaySeconds"]);
  strategy.scale_down_delay_revision_limit = optionalInt32(value["scaleDownDelayRevisionLimit"]);
  strategy.abort_scale_down_delay_seconds = optionalInt32(value["abortScaleDownDelaySeconds"]);
  strategy.pre_promotion_analysis = optionalAnalysis(value["prePromotionAnalysis"]);
  strategy.post_promotion_analysis = optionalAnalysis(value["postPromotionAnalysis"]);
  strategy.anti_affinity = readAntiAffinity(value["antiAffinity"]);
  strategy.active_metadata = optionalMetadata(value["activeMetadata"]);
  strategy.preview_metadata = optionalMetadata(value["previewMetadata"]);
  return strategy;
}

}  // namespace

Result<model::RolloutSpec> readRolloutSpec(const Value& rollout) {
  const Value& value = rollout["spec"];
  model::RolloutSpec spec;
  spec.replicas = optionalInt32(value["replicas"]);
  spec.min_ready_seconds = int32(value["minReadySeconds"]);
  spec.revision_history_limit = int32(value["revisionHistoryLimit"], 10);
  spec.rollback_window_revisions = optionalInt32(value["rollbackWindow"]["revisions"]);
  spec.paused = value["paused"].asBool();
  spec.progress_deadline_seconds = int32(value["progressDeadlineSeconds"], 600);
  spec.progress_deadline_abort = value["progressDeadlineAbort"].asBool();
  spec.restart_at = optionalTime(value["restartAt"]);
  spec.successful_run_history_limit = int32(value["analysis"]["successfulRunHistoryLimit"], 5);
  spec.unsuccessful_run_history_limit = int32(value["analysis"]["unsuccessfulRunHistoryLimit"], 5);
  const Value& workload = value["workloadRef"];
  if (workload.isObject()) {
    spec.workload_ref = {workload["apiVersion"].asString(), workload["kind"].asString(), workload["name"].asString(),
                         workload["scaleDown"].asString()};
  }
  const Value& strategy = value["strategy"];
  if (strategy["blueGreen"].isObject()) {
    spec.strategy = readBlueGreen(strategy["blueGreen"]);
  } else if (strategy["canary"].isObject()) {
    Result<model::CanaryStrategy> canary = readCanary(strategy["canary"]);
    if (!canary) return std::unexpected(canary.error());
    spec.strategy = std::move(*canary);
  }
  return spec;
}

model::ReplicaSet readReplicaSet(const Value& value) {
  model::ReplicaSet set;
  set.name = value["metadata"]["name"].asString();
  set.uid = value["metadata"]["uid"].asString();
  set.hash = std::string(cluster::labelOf(value, api::kHashLabel));
  set.creation_time = optionalTime(value["metadata"]["creationTimestamp"]).value_or(WallTime{});
  const Value& annotations = value["metadata"]["annotations"];
  if (const std::int32_t revision = intOrText(annotations[api::kRevision]); revision > 0) set.revision = revision;
  if (annotations[api::kDesiredReplicas].isString())
    set.desired_replicas = intOrText(annotations[api::kDesiredReplicas]);
  if (annotations[api::kScaleDownDeadline].isString()) {
    set.scale_down_deadline = optionalTime(annotations[api::kScaleDownDeadline]).value_or(WallTime{});
  }
  set.generation = value["metadata"]["generation"].asInt();
  set.deleting = !value["metadata"]["deletionTimestamp"].isNull();
  set.min_ready_seconds = int32(value["spec"]["minReadySeconds"]);
  set.replicas = int32(value["spec"]["replicas"], 1);
  const Value& status = value["status"];
  set.observed_generation = status["observedGeneration"].asInt();
  set.current_replicas = int32(status["replicas"]);
  set.ready_replicas = int32(status["readyReplicas"]);
  set.available_replicas = int32(status["availableReplicas"]);
  set.terminating_replicas = int32(status["terminatingReplicas"]);
  for (const Value& condition : status["conditions"].asArray()) {
    if (condition["type"].asStringView() != model::condition::kReplicaFailure) continue;
    set.failure = model::Condition{model::condition::kReplicaFailure,
                                   model::parseConditionStatus(condition["status"].asStringView()),
                                   condition["reason"].asString(), condition["message"].asString()};
  }
  return set;
}

model::Service readService(const Value& service) {
  return {service["metadata"]["name"].asString(), service["spec"]["selector"][api::kHashLabel].asString(),
          std::string(cluster::annotationOf(service, api::kManagedBy))};
}

std::string selectorText(const Value& rollout) {
  const Result<cluster::LabelSelector> selector = cluster::LabelSelector::fromObject(rollout["spec"]["selector"]);
  return selector ? selector->text() : "";
}

}  // namespace towpath::control::objects
