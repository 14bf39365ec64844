#include "api/analysis_view.h"
#include "api/decode.h"
#include "api/rollout_view.h"
#include "json/serialize.h"

namespace towpath::api {

namespace {

using namespace model;

IntOrPercent intOrPercent(const Value& value, IntOrPercent otherwise) {
  if (const std::optional<std::int32_t> count = optionalInt(value)) return IntOrPercent::pods(*count);
  const std::string* text = value.ifString();
  return text ? parsePercent(*text).value_or(otherwise) : otherwise;
}

std::optional<ObjectMetadata> decodeMetadata(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  return ObjectMetadata{stringMap(value["labels"]), stringMap(value["annotations"])};
}

std::optional<AntiAffinity> decodeAntiAffinity(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  const Value& preferred = value["preferredDuringSchedulingIgnoredDuringExecution"];
  return AntiAffinity{preferred.isObject() ? std::optional(intOr(preferred["weight"], 0)) : std::nullopt};
}

std::optional<AnalysisRef> optionalAnalysis(const Value& value) {
  return value.isObject() ? std::optional(decodeAnalysisRef(value)) : std::nullopt;
}

StringMatch decodeStringMatch(const Value& value) {
  return {value["exact"].asString(), value["prefix"].asString(), value["regex"].asString()};
}

std::optional<StringMatch> optionalMatch(const Value& value) {
  return value.isObject() ? std::optional(decodeStringMatch(value)) : std::nullopt;
}

HeaderMatch decodeHeaderMatch(const Value& value) {
  return {value["headerName"].asString(), decodeStringMatch(value["headerValue"])};
}

RouteMatch decodeRouteMatch(const Value& value) {
  RouteMatch match{optionalMatch(value["method"]), optionalMatch(value["path"]), {}};
  for (const Object::Member& header : value["headers"].asObject()) {
    match.headers.push_back({header.key, decodeStringMatch(header.value)});
  }
  return match;
}

PauseStep decodePause(const Value& value) {
  const Value& duration = value["duration"];
  if (duration.isNull()) return {};
  PauseStep step;
  step.duration_text = duration.isString() ? duration.asString() : json::serialize(duration);
  // The peer reads a bad duration as -1 seconds; validation refuses both.
  step.duration = parsePauseDuration(step.duration_text).value_or(Duration(-1s));
  return step;
}

ExperimentStep decodeExperiment(const Value& value) {
  ExperimentStep step;
  step.templates = decodeList<ExperimentTemplateRef>(value["templates"], [](const Value& entry) {
    return ExperimentTemplateRef{entry["name"].asString(), entry["specRef"].asString(), optionalInt(entry["replicas"]),
                                 optionalInt(entry["weight"])};
  });
  if (const Result<Duration> duration = parseGoDuration(value["duration"].asStringView())) step.duration = *duration;
  return step;
}

// Of a step with several actions the first in this order counts (core-semantics 5).
Step decodeStep(const Value& value) {
  if (const Value& pause = value["pause"]; pause.isObject()) return decodePause(pause);
  if (const Value& scale = value["setCanaryScale"]; scale.isObject()) {
    return SetCanaryScaleStep{optionalInt(scale["replicas"]), optionalInt(scale["weight"]),
                              scale["matchTrafficWeight"].asBool()};
  }
  if (const std::optional<std::int32_t> weight = optionalInt(value["setWeight"])) return SetWeightStep{*weight};
  if (const Value& experiment = value["experiment"]; experiment.isObject()) return decodeExperiment(experiment);
  if (const Value& analysis = value["analysis"]; analysis.isObject()) return AnalysisStep{decodeAnalysisRef(analysis)};
  if (const Value& route = value["setHeaderRoute"]; route.isObject()) {
    return SetHeaderRouteStep{route["name"].asString(), decodeList<HeaderMatch>(route["match"], decodeHeaderMatch)};
  }
  if (const Value& route = value["setMirrorRoute"]; route.isObject()) {
    return SetMirrorRouteStep{route["name"].asString(), decodeList<RouteMatch>(route["match"], decodeRouteMatch),
                              optionalInt(route["percentage"])};
  }
  if (const Value& plugin = value["plugin"]; plugin.isObject()) return PluginStep{plugin["name"].asString()};
  return InvalidStep{};
}

std::optional<TrafficRouting> decodeTrafficRouting(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  TrafficRouting routing;
  for (const Object::Member& member : value.asObject()) {
    if (member.value.isNull() || member.key == "managedRoutes" || member.key == "maxTrafficWeight") continue;
    if (member.key != "plugins") {
      routing.routers.push_back(member.key);
      continue;
    }
    for (const Object::Member& plugin : member.value.asObject()) routing.routers.push_back("plugins/" + plugin.key);
  }
  routing.max_traffic_weight = optionalInt(value["maxTrafficWeight"]);
  routing.managed_routes =
      decodeList<std::string>(value["managedRoutes"], [](const Value& route) { return route["name"].asString(); });
  return routing;
}

std::optional<ReplicaProgressThreshold> decodeThreshold(const Value& value) {
  if (!value.isObject()) return std::nullopt;
  const bool is_pods = value["type"].asStringView() == "Pod";
  return ReplicaProgressThreshold{is_pods ? ProgressThresholdType::kPod : ProgressThresholdType::kPercent,
                                  intOr(value["value"], -1)};
}

CanaryStrategy decodeCanary(const Value& value) {
  CanaryStrategy canary;
  canary.canary_service = value["canaryService"].asString();
  canary.stable_service = value["stableService"].asString();
  canary.steps = decodeList<Step>(value["steps"], decodeStep);
  canary.traffic_routing = decodeTrafficRouting(value["trafficRouting"]);
  canary.max_surge = intOrPercent(value["maxSurge"], canary.max_surge);
  canary.max_unavailable = intOrPercent(value["maxUnavailable"], canary.max_unavailable);
  if (value["analysis"].isObject()) {
    canary.analysis =
        BackgroundAnalysis{decodeAnalysisRef(value["analysis"]), optionalInt(value["analysis"]["startingStep"])};
  }
  canary.scale_down_delay_seconds = optionalInt(value["scaleDownDelaySeconds"]);
  canary.scale_down_delay_revision_limit = optionalInt(value["scaleDownDelayRevisionLimit"]);
  canary.abort_scale_down_delay_seconds = optionalInt(value["abortScaleDownDelaySeconds"]);
  canary.dynamic_stable_scale = value["dynamicStableScale"].asBool();
  canary.min_pods_per_replica_set = optionalInt(value["minPodsPerReplicaSet"]);
  canary.replica_progress_threshold = decodeThreshold(value["replicaProgressThreshold"]);
  if (const Value& services = value["pingPong"]; services.isObject()) {
    canary.ping_pong = PingPong{services["pingService"].asString(), services["pongService"].asString()};
  }
  canary.anti_affinity = decodeAntiAffinity(value["antiAffinity"]);
  canary.canary_metadata = decodeMetadata(value["canaryMetadata"]);
  canary.stable_metadata = decodeMetadata(value["stableMetadata"]);
  return canary;
}

BlueGreenStrategy decodeBlueGreen(const Value& value) {
  BlueGreenStrategy strategy;
  strategy.active_service = value["activeService"].asString();
  strategy.preview_service = value["previewService"].asString();
  strategy.preview_replica_count = optionalInt(value["previewReplicaCount"]);
  strategy.auto_promotion_enabled = value["autoPromotionEnabled"].asBool(true);
  strategy.auto_promotion_seconds = intOr(value["autoPromotionSeconds"], 0);
  strategy.max_unavailable = intOrPercent(value["maxUnavailable"], strategy.max_unavailable);
  strategy.scale_down_delay_seconds = optionalInt(value["scaleDownDelaySeconds"]);
  strategy.scale_down_delay_revision_limit = optionalInt(value["scaleDownDelayRevisionLimit"]);
  strategy.abort_scale_down_delay_seconds = optionalInt(value["abortScaleDownDelaySeconds"]);
  strategy.pre_promotion_analysis = optionalAnalysis(value["prePromotionAnalysis"]);
  strategy.post_promotion_analysis = optionalAnalysis(value["postPromotionAnalysis"]);
  strategy.anti_affinity = decodeAntiAffinity(value["antiAffinity"]);
  strategy.active_metadata = decodeMetadata(value["activeMetadata"]);
  strategy.preview_metadata = decodeMetadata(value["previewMetadata"]);
  return strategy;
}

}  // namespace

model::AnalysisRef decodeAnalysisRef(const Value& value) {
  AnalysisRef ref;
  ref.templates = decodeList<TemplateRef>(value["templates"], [](const Value& entry) {
    return TemplateRef{entry["templateName"].asString(), entry["clusterScope"].asBool()};
  });
  ref.args = decodeList<Argument>(value["args"], decodeArgument);
  ref.dry_run =
      decodeList<DryRun>(value["dryRun"], [](const Value& rule) { return DryRun{rule["metricName"].asString()}; });
  ref.measurement_retention = decodeList<MeasurementRetention>(value["measurementRetention"], [](const Value& rule) {
    return MeasurementRetention{rule["metricName"].asString(), intOr(rule["limit"], 0)};
  });
  ref.run_metadata = decodeMetadata(value["analysisRunMetadata"]).value_or(ObjectMetadata{});
  return ref;
}

model::RolloutSpec decodeRolloutSpec(const Value& object) {
  const Value& value = object["spec"];
  RolloutSpec spec;
  spec.replicas = optionalInt(value["replicas"]);
  const Value& strategy = value["strategy"];
  if (strategy["blueGreen"].isObject()) {
    spec.strategy = decodeBlueGreen(strategy["blueGreen"]);
  } else if (strategy["canary"].isObject()) {
    spec.strategy = decodeCanary(strategy["canary"]);
  }
  spec.min_ready_seconds = intOr(value["minReadySeconds"], 0);
  spec.revision_history_limit = intOr(value["revisionHistoryLimit"], spec.revision_history_limit);
  spec.rollback_window_revisions = optionalInt(value["rollbackWindow"]["revisions"]);
  spec.paused = value["paused"].asBool();
  spec.progress_deadline_seconds = intOr(value["progressDeadlineSeconds"], spec.progress_deadline_seconds);
  spec.progress_deadline_abort = value["progressDeadlineAbort"].asBool();
  spec.restart_at = optionalTime(value["restartAt"]);
  const Value& history = value["analysis"];
  spec.successful_run_history_limit = intOr(history["successfulRunHistoryLimit"], spec.successful_run_history_limit);
  spec.unsuccessful_run_history_limit =
      intOr(history["unsuccessfulRunHistoryLimit"], spec.unsuccessful_run_history_limit);
  if (const Value& ref = value["workloadRef"]; ref.isObject()) {
    spec.workload_ref = WorkloadRef{ref["apiVersion"].asString(), ref["kind"].asString(), ref["name"].asString(),
                                    ref["scaleDown"].asString()};
  }
  return spec;
}

}  // namespace towpath::api
