#include <doctest/doctest.h>

#include "api/analysis_view.h"
#include "api/rollout_view.h"
#include "api/workload_view.h"
#include "json/serialize.h"
#include "json/yaml.h"

using namespace towpath;

namespace {

Value read(std::string_view text) { return json::parseYamlDocument(text).value(); }

}  // namespace

TEST_CASE("a canary's spec is decoded with the peer's defaults") {
  const model::RolloutSpec spec = api::decodeRolloutSpec(read(R"(
spec:
  replicas: 4
  minReadySeconds: 3
  rollbackWindow: {revisions: 2}
  strategy:
    canary:
      canaryService: c
      stableService: s
      maxSurge: 1
      maxUnavailable: "30%"
      trafficRouting:
        managedRoutes: [{name: r}]
        maxTrafficWeight: 1000
        plugins: {argoproj-labs/gatewayAPI: {httpRoute: x}}
        nginx: {stableIngress: i}
        alb: null
      analysis: {startingStep: 1, templates: [{templateName: t, clusterScope: true}], args: [{name: a, valueFrom: {podTemplateHashValue: Stable}}]}
      antiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: {weight: 7}}
      steps:
      - setWeight: 20
      - pause: {}
      - pause: {duration: 10}
      - pause: {duration: 1h}
      - setCanaryScale: {weight: 25}
      - analysis: {templates: [{templateName: t}]}
      - experiment: {duration: 5m, templates: [{name: e, specRef: canary, replicas: 2}]}
      - setHeaderRoute: {name: r, match: [{headerName: h, headerValue: {exact: v}}]}
      - setMirrorRoute: {name: r, percentage: 5, match: [{path: {prefix: /x}}]}
      - plugin: {name: p}
      - setWeight: 5
        pause: {duration: 3s}
      - {}
)"));
  CHECK(spec.replicas == 4);
  CHECK(spec.revision_history_limit == 10);
  CHECK(spec.progress_deadline_seconds == 600);
  CHECK(spec.rollback_window_revisions == 2);
  REQUIRE(spec.canary());
  const model::CanaryStrategy& canary = *spec.canary();
  CHECK(canary.max_surge == IntOrPercent::pods(1));
  CHECK(canary.max_unavailable == IntOrPercent::percent(30));
  CHECK(canary.traffic_routing->routers == std::vector<std::string>{"plugins/argoproj-labs/gatewayAPI", "nginx"});
  CHECK(canary.maxWeight() == 1000);
  CHECK(canary.analysis->starting_step == 1);
  CHECK(canary.analysis->analysis.args[0].pod_template_hash == model::PodTemplateHashValue::kStable);
  CHECK(canary.anti_affinity->preferred_weight == 7);
  std::vector<std::string> steps;
  for (const model::Step& step : canary.steps) steps.push_back(model::toString(step));
  CHECK(steps == std::vector<std::string>{"setWeight: 20", "pause", "pause: 10", "pause: 1h",
                                          "setCanaryScale{weight: 25}", "analysis", "experiment", "setHeaderRoute: r",
                                          "setMirrorRoute: r", "plugin: p", "pause: 3s", "invalid"});
  CHECK(std::get<model::PauseStep>(canary.steps[3]).duration == 1h);
}

TEST_CASE("a blue-green spec is decoded with the peer's defaults") {
  const model::RolloutSpec spec = api::decodeRolloutSpec(read(R"(
spec:
  paused: true
  strategy:
    blueGreen: {activeService: a, scaleDownDelaySeconds: 0, prePromotionAnalysis: {templates: []}}
)"));
  REQUIRE(spec.blueGreen());
  CHECK(spec.wantedReplicas() == 1);
  CHECK(spec.paused);
  CHECK(spec.blueGreen()->auto_promotion_enabled);
  CHECK(spec.blueGreen()->scale_down_delay_seconds == 0);
  CHECK_FALSE(spec.blueGreen()->preview_replica_count.has_value());
  CHECK_FALSE(spec.blueGreen()->pre_promotion_analysis->configured());
}

TEST_CASE("a broken object decodes to what is left of it") {
  const model::RolloutSpec spec = api::decodeRolloutSpec(read(
      R"({"spec":{"replicas":"x","paused":3,"strategy":{"canary":{"steps":[1,{"setWeight":99999999999}],"maxSurge":{}}}}})"));
  CHECK_FALSE(spec.replicas.has_value());
  REQUIRE(spec.canary());
  CHECK(spec.canary()->steps.size() == 2);
  CHECK(model::toString(spec.canary()->steps[1]) == "invalid");
  CHECK(api::decodeRolloutStatus(Value(Array{})) == model::RolloutStatus{});
  CHECK(api::decodeReplicaSet(Value()).name.empty());
}

TEST_CASE("a status survives the way to the object and back") {
  const Value status =
      read(R"({"status":{"observedGeneration":"3","currentPodHash":"abc","currentStepHash":"def","currentStepIndex":0,
    "stableRS":"xyz","replicas":4,"updatedReplicas":1,"readyReplicas":4,"availableReplicas":4,"HPAReplicas":4,"selector":"app=x","collisionCount":0,
    "pauseConditions":[{"reason":"CanaryPauseStep","startTime":"2026-11-23T13:00:00Z"}],"controllerPause":true,
    "abort":true,"abortedAt":"2026-11-23T13:01:00Z","promoteFull":true,"restartedAt":"2026-11-23T13:02:00Z",
    "conditions":[{"type":"Progressing","status":"Unknown","lastUpdateTime":"2026-11-23T13:00:00Z","lastTransitionTime":"2026-11-23T12:00:00Z","reason":"RolloutPaused","message":"Rollout is paused"}],
    "phase":"Paused","message":"CanaryPauseStep",
    "canary":{"weights":{"canary":{"weight":20,"serviceName":"c","podTemplateHash":"abc"},"stable":{"weight":80},"additional":[{"weight":1}],"verified":false},
      "currentStepAnalysisRunStatus":{"name":"r","status":"Running"},"currentExperiment":"e","stablePingPong":"ping",
      "stepPluginStatuses":[{"index":1,"name":"p","operation":"Run","phase":"Running","backoff":"1m0s","executions":2}]},
    "blueGreen":{"activeSelector":"abc","scaleUpPreviewCheckPoint":true,"prePromotionAnalysisRunStatus":{"name":"q","status":"Failed","message":"m"}},
    "duration":{"rolloutStartedAt":"2026-11-23T12:00:00Z","totalManualPauseDurationSeconds":5,"completionStatus":"Promoted"}}})");
  CHECK(json::serializeCanonical(api::encodeRolloutStatus(api::decodeRolloutStatus(status))) ==
        json::serializeCanonical(status["status"]));
  CHECK(json::serialize(api::encodeRolloutStatus({})) == R"({"canary":{},"blueGreen":{}})");
}

TEST_CASE("an analysis run survives the way to the object and back") {
  const Value run = read(
      R"({"spec":{"metrics":[{"name":"m","interval":"10s","count":"5","failureLimit":2,"provider":{"web":{},"job":null}}],
    "args":[{"name":"a","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}],"terminate":true,"ttlStrategy":{"secondsAfterFailure":3}},
    "status":{"phase":"Running","metricResults":[{"name":"m","phase":"Running","count":1,"successful":1,"consecutiveSuccess":1,
      "measurements":[{"phase":"Successful","value":"1","startedAt":"2026-11-23T13:00:00Z","finishedAt":"2026-11-23T13:00:01Z","metadata":{"k":"v"}}]}],
      "startedAt":"2026-11-23T13:00:00Z","runSummary":{"count":1},"dryRunSummary":{}}})");
  CHECK(json::serializeCanonical(api::encodeAnalysisRunStatus(api::decodeAnalysisRunStatus(run))) ==
        json::serializeCanonical(run["status"]));
  const model::AnalysisRunSpec spec = api::decodeAnalysisRunSpec(run);
  CHECK(spec.metrics[0].count == 5);
  CHECK(spec.metrics[0].consecutive_error_limit == 4);
  CHECK(spec.metrics[0].providers == std::vector<std::string>{"web"});
  CHECK(spec.args[0].secret->key == "k");
  CHECK(spec.terminate);
  CHECK(spec.ttl->seconds_after_failure == 3);
  CHECK(json::serialize(api::encodeArgument(spec.args[0])) ==
        R"({"name":"a","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}})");
}

TEST_CASE("replica sets carry their decisions in annotations") {
  const model::ReplicaSet set = api::decodeReplicaSet(read(R"({"metadata":{"name":"r-abc","uid":"u","generation":2,
    "labels":{"rollouts-pod-template-hash":"abc"},"creationTimestamp":"2026-11-23T13:00:00Z",
    "annotations":{"rollout.argoproj.io/revision":"4","rollout.argoproj.io/desired-replicas":"x","scale-down-deadline":"nonsense"}},
    "spec":{"replicas":3},"status":{"replicas":3,"availableReplicas":2,"conditions":[{"type":"ReplicaFailure","status":"True","message":"quota"}]}})"));
  CHECK(set.hash == "abc");
  CHECK(set.revision == 4);
  CHECK_FALSE(set.desired_replicas.has_value());
  CHECK(set.scale_down_deadline == WallTime{});
  CHECK(set.available_replicas == 2);
  CHECK(set.failure->message == "quota");
}

TEST_CASE("label selectors as text and as a test") {
  const Value selector =
      read(R"({"matchLabels":{"b":"1","a":"2"},"matchExpressions":[{"key":"c","operator":"In","values":["y","x"]},
    {"key":"d","operator":"DoesNotExist"},{"key":"e","operator":"NotIn","values":["z"]},{"key":"a","operator":"Exists"}]})");
  CHECK(api::selectorText(selector) == "a,a=2,b=1,c in (x,y),!d,e notin (z)");
  CHECK(api::selectorMatches(selector, read("{b: '1', a: '2', c: x}")));
  CHECK_FALSE(api::selectorMatches(selector, read("{b: '1', a: '2', c: q}")));
  CHECK_FALSE(api::selectorMatches(selector, read("{b: '1', a: '2', c: x, d: ''}")));
  CHECK_FALSE(api::selectorMatches(selector, read("{b: '1', a: '2', c: x, e: z}")));
  CHECK(api::selectorMatches(Value(Object{}), Value(Object{})));
  CHECK_FALSE(api::selectorMatches(Value(), Value(Object{})));
}
