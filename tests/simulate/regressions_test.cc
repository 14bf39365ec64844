// What the simulator once found, each as small as it was shrunk to. A world that breaks no rule is all that is asked
// for, unless a case says more.

#include <doctest/doctest.h>

#include "simulate/script.h"
#include "simulate/shrink.h"

namespace towpath::simulate {
namespace {

using enum ActKind;

constexpr Health kGood = Health::kGood, kBroken = Health::kBroken, kFlapping = Health::kFlapping;

Outcome played(const Script& script) {
  const Scenario scenario = scripted(script);
  Outcome outcome = play(scenario);
  if (outcome.breach) {
    const std::string text = report(scenario, play(scenario, Trace::kYes));
    FAIL(text);
  }
  return outcome;
}

constexpr const char* kRoute =
    "canaryService: shop-canary, stableService: shop-stable,"
    " trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}";

}  // namespace

TEST_CASE("an inconclusive background analysis holds the steps, also those that are pauses") {
  const Outcome outcome = played(
      {.strategy = "{canary: {analysis: {startingStep: 1, templates: [{templateName: background}], args: [{name: hash,"
                   " valueFrom: {podTemplateHashValue: Latest}}]}, maxUnavailable: 100%, maxSurge: 10%,"
                   " steps: [{setWeight: 62}, {setWeight: 80}, {pause: {duration: 10}}, {pause: {duration: 45}}]}}",
       .spec = "{replicas: 7, minReadySeconds: 9}",
       .acts = {{60s, kSetImage, 2}},
       .healths = {kGood, kGood},
       .qualities = {Quality::kGood, Quality::kUnclear}});
  CHECK(outcome.at_rest.starts_with("Paused"));
}

TEST_CASE("an abort by the progress deadline ends a full promotion, and the two do not take turns for ever") {
  const Outcome outcome = played({.strategy = "{canary: {maxSurge: 1, maxUnavailable: 0, steps: [{setWeight: 50}]}}",
                                  .spec = "{progressDeadlineAbort: true}",
                                  .acts = {{60s, kSetImage, 2}, {80s, kPromoteFull}},
                                  .healths = {kGood, kBroken}});
  CHECK(outcome.at_rest == "Degraded, v1 is stable");
}

TEST_CASE("old versions that stay by scaleDownDelaySeconds 0 do not make a finished update exceed its deadline") {
  const std::string strategy =
      fmt::format("{{canary: {{{}, scaleDownDelaySeconds: 0, steps: [{{setWeight: 50}}]}}}}", kRoute);
  const Outcome outcome = played({.strategy = strategy, .acts = {{60s, kSetImage, 2}}, .healths = {kGood, kGood}});
  CHECK(outcome.at_rest == "Healthy, v2 is stable");
}

TEST_CASE("a step that lowers the weight gives nothing to a stable version that was scaled to nothing") {
  const std::string strategy = fmt::format(
      "{{canary: {{{}, dynamicStableScale: true, steps: [{{setWeight: 100}}, {{pause: {{}}}}, {{setWeight: 57}}]}}}}",
      kRoute);
  played({.strategy = strategy,
          .spec = "{replicas: 1}",
          .acts = {{60s, kSetImage, 2}, {120s, kPromote}},
          .healths = {kGood, kGood}});
}

TEST_CASE("an abort before any weight was set gives none to the version that is aborted") {
  const std::string strategy =
      fmt::format("{{canary: {{{}, dynamicStableScale: true, maxSurge: 3, steps: [{{setWeight: 56}}]}}}}", kRoute);
  played({.strategy = strategy,
          .spec = "{progressDeadlineAbort: true, progressDeadlineSeconds: 90}",
          .acts = {{1s, kSetImage, 2}},
          .healths = {kGood, kBroken}});
}

TEST_CASE("the weight does not rise while a person has paused the rollout") {
  const std::string strategy = fmt::format("{{canary: {{{}, steps: [{{setWeight: 76}}]}}}}", kRoute);
  const Outcome outcome = played(
      {.strategy = strategy, .acts = {{60s, kSetImage, 2}, {60s + 100ms, kPause}}, .healths = {kGood, kFlapping}});
  CHECK(outcome.at_rest == "Paused, v1 is stable");
}

TEST_CASE("the canary service names the new version before it gets weight, however early the update comes") {
  const std::string strategy = fmt::format(
      "{{canary: {{{}, replicaProgressThreshold: {{type: Percent, value: 50}}, steps: [{{pause: {{}}}}, {{setWeight: "
      "47}}]}}}}",
      kRoute);
  played({.strategy = strategy,
          .spec = "{replicas: 7}",
          .acts = {{4s, kSetImage, 2}, {60s, kPromote}},
          .healths = {kGood, kGood}});
}

TEST_CASE("a step below one that was skipped before its pods were up raises no weight before they are") {
  const std::string strategy = fmt::format("{{canary: {{{}, steps: [{{setWeight: 97}}, {{setWeight: 80}}]}}}}", kRoute);
  const Outcome outcome =
      played({.strategy = strategy, .acts = {{60s, kSetImage, 2}, {61s, kPromote}}, .healths = {kGood, Health::kSlow}});
  CHECK(outcome.at_rest == "Healthy, v2 is stable");
}

TEST_CASE("a rollout that is scaled to nothing in the middle of an update gives its weight back") {
  const std::string strategy =
      fmt::format("{{canary: {{{}, dynamicStableScale: true, steps: [{{setWeight: 5}}, {{pause: {{}}}}]}}}}", kRoute);
  played({.strategy = strategy,
          .acts = {{60s, kSetImage, 2}, {120s, kScale, 0}, {180s, kPromote}},
          .healths = {kGood, kGood}});
}

TEST_CASE(
    "pods of an aborted version that do not serve make room for those of the stable one, beside a third version") {
  const Outcome outcome = played({.strategy = "{canary: {steps: [{setWeight: 41}, {setWeight: 71}, {pause: {}}]}}",
                                  .spec = "{replicas: 6, progressDeadlineAbort: true}",
                                  .acts = {{60s, kSetImage, 2}, {95s, kSetImage, 3}},
                                  .healths = {kGood, kGood, kBroken}});
  CHECK(outcome.at_rest == "Degraded, v1 is stable");
}

TEST_CASE("a retry within the abort's delay judges the version anew, also on the way back to an older one") {
  const Outcome outcome = played(
      {.strategy = "{blueGreen: {activeService: shop-active, previewService: shop-preview, postPromotionAnalysis:"
                   " {templates: [{templateName: once}], args: [{name: hash, valueFrom: {podTemplateHashValue:"
                   " Latest}}]}}}",
       .acts = {{60s, kSetImage, 2}, {200s, kSetImage, 3}, {300s, kSetImage, 2}, {330s, kRetry}},
       .healths = {kGood, kGood, kGood},
       .qualities = {Quality::kGood, Quality::kBad, Quality::kGood}});
  CHECK(outcome.at_rest == "Degraded, v3 is stable");
}

TEST_CASE("a version kept past its scale-down deadline does not keep the progress deadline of the next one away") {
  const Outcome outcome = played(
      {.strategy = "{blueGreen: {activeService: shop-active, previewService: shop-preview, autoPromotionEnabled: false,"
                   " postPromotionAnalysis: {templates: [{templateName: often}], args: [{name: hash, valueFrom:"
                   " {podTemplateHashValue: Latest}}]}}}",
       .acts = {{60s, kSetImage, 2}, {90s, kPromoteFull}, {105s, kSetImage, 3}},
       .healths = {kGood, kGood, kBroken}});
  CHECK(outcome.at_rest == "Degraded, v2 is stable");
}

TEST_CASE("no version is made smaller before the proxies have taken its requests away") {
  const std::string strategy =
      fmt::format("{{canary: {{{}, dynamicStableScale: true, steps: [{{setWeight: 90}}, {{pause: {{}}}}]}}}}", kRoute);
  const Outcome outcome = played({.strategy = strategy,
                                  .acts = {{60s, kSetImage, 2}, {119s, kNodesSilent, 0, 40s}, {120s, kSetImage, 1}},
                                  .healths = {kGood, kGood},
                                  .reports = traffic::RouteReports::kExpected});
  CHECK(outcome.at_rest == "Healthy, v1 is stable");
}

TEST_CASE("a lower step keeps the pods of the canary until its weight has gone") {
  const std::string strategy = fmt::format(
      "{{canary: {{{}, dynamicStableScale: true, steps: [{{setWeight: 50}}, {{pause: {{duration: 10}}}},"
      " {{setWeight: 14}}, {{pause: {{}}}}]}}}}",
      kRoute);
  played({.strategy = strategy,
          .annotations = "{towpath.dev/weight-limit: ready}",
          .acts = {{60s, kSetImage, 2}},
          .healths = {kGood, kGood},
          .reports = traffic::RouteReports::kExpected});
}

TEST_CASE("an analysis that is unclear again pauses again, also while a promotion waits for pods") {
  const Outcome outcome = played(
      {.strategy = "{blueGreen: {activeService: shop-active, previewService: shop-preview, autoPromotionEnabled: false,"
                   " prePromotionAnalysis: {templates: [{templateName: often}], args: [{name: hash, valueFrom:"
                   " {podTemplateHashValue: Latest}}]}}}",
       .acts = {{60s, kSetImage, 2}, {200s, kVersionBreaks, 2, 300s}, {210s, kPromote}},
       .healths = {kGood, kGood},
       .qualities = {Quality::kGood, Quality::kUnclear}});
  CHECK(outcome.at_rest == "Paused, v1 is stable");
}

TEST_CASE("an abort is carried out although the spec has become invalid") {
  const std::string strategy = fmt::format("{{canary: {{{}, steps: [{{setWeight: 50}}, {{pause: {{}}}}]}}}}", kRoute);
  for (const int how : {0, 1}) {
    const Outcome outcome = played({.strategy = strategy,
                                    .acts = {{60s, kSetImage, 2}, {120s, kSpoil, how}, {130s, kAbort}},
                                    .healths = {kGood, kGood}});
    CHECK(outcome.at_rest == "Degraded, v1 is stable");
  }
}

TEST_CASE("a template that waits starts when the update has ended, also if the coordinator dies in between") {
  const Outcome outcome =
      played({.strategy = "{canary: {steps: [{setWeight: 50}, {pause: {}}]}}",
              .annotations = "{towpath.dev/on-new-version: queue}",
              .acts = {{60s, kSetImage, 2}, {90s, kSetImage, 3}, {100s, kCrash, 1}, {130s, kPromote}},
              .healths = {kGood, kGood, kGood}});
  CHECK(outcome.at_rest == "Paused, v2 is stable");
}

TEST_CASE("ping-pong: a version that waited is not put behind the service that everybody is still sent to") {
  const Outcome outcome =
      played({.strategy = "{canary: {pingPong: {pingService: shop-ping, pongService: shop-pong},"
                          " trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}}}",
              .annotations = "{towpath.dev/on-new-version: queue}",
              .acts = {{60s, kSetImage, 2}, {63s, kSetImage, 3}},
              .healths = {kGood, kGood, kGood}});
  CHECK(outcome.at_rest == "Healthy, v3 is stable");
}

TEST_CASE("ping-pong: a canary that is replaced keeps its service until the header routes to it are gone") {
  const Outcome outcome = played(
      {.strategy =
           "{canary: {pingPong: {pingService: shop-ping, pongService: shop-pong}, trafficRouting:"
           " {managedRoutes: [{name: header}], plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}},"
           " steps: [{setCanaryScale: {replicas: 1}}, {setHeaderRoute: {name: header, match: [{headerName: X-Version,"
           " headerValue: {exact: new}}]}}, {pause: {}}]}}",
       .acts = {{60s, kSetImage, 2}, {120s, kSetImage, 3}},
       .healths = {kGood, kGood, kGood}});
  CHECK(outcome.at_rest == "Paused, v1 is stable");
}

TEST_CASE("a full promotion moves no weight and completes nothing while a person has paused it") {
  const std::string strategy =
      fmt::format("{{canary: {{{}, dynamicStableScale: true, steps: [{{setWeight: 20}}, {{pause: {{}}}}]}}}}", kRoute);
  const Outcome outcome = played({.strategy = strategy,
                                  .spec = "{replicas: 8}",
                                  .acts = {{60s, kSetImage, 2}, {120s, kPromoteFull}, {121s, kPause}},
                                  .healths = {kGood, kGood}});
  CHECK(outcome.at_rest == "Paused, v1 is stable");
}

TEST_CASE("an abort of a blue-green update that was scaled to nothing goes back to the stable version") {
  const Outcome outcome = played({.strategy = "{blueGreen: {activeService: shop-active, scaleDownDelaySeconds: 60,"
                                              " postPromotionAnalysis: {templates: [{templateName: often}],"
                                              " args: [{name: hash, valueFrom: {podTemplateHashValue: Latest}}]}}}",
                                  .acts = {{60s, kScale, 0}, {90s, kSetImage, 2}, {300s, kSpoil}},
                                  .healths = {kGood, kGood},
                                  .qualities = {Quality::kGood, Quality::kBad}});
  CHECK(outcome.at_rest == "Degraded, v1 is stable");
}

TEST_CASE("an invalid blue-green update is aborted also before any version has been active") {
  const Outcome outcome = played({.strategy = "{blueGreen: {activeService: shop-active, autoPromotionEnabled: false}}",
                                  .acts = {{2s, kPause}, {30s, kSetImage, 2}, {60s, kSpoil}, {90s, kAbort}},
                                  .healths = {kGood, kGood}});
  CHECK(outcome.at_rest == "Degraded, v1 is stable");
}

TEST_CASE("an abort ends at no weight although the canary keeps pods that a small step would need") {
  const std::string strategy = fmt::format(
      "{{canary: {{{}, dynamicStableScale: true, minPodsPerReplicaSet: 2, steps: [{{setWeight: 1}}, {{setWeight: 34}},"
      " {{pause: {{}}}}]}}}}",
      kRoute);
  const Outcome outcome = played({.strategy = strategy,
                                  .spec = "{replicas: 8}",
                                  .acts = {{60s, kSetImage, 2}, {120s, kAbort}},
                                  .healths = {kGood, kGood}});
  CHECK(outcome.at_rest == "Degraded, v1 is stable");
}

TEST_CASE("a promotion is not forgotten while the rollout is paused") {
  const Outcome outcome = played({.strategy = "{canary: {steps: [{setWeight: 20}, {pause: {duration: 600}}]}}",
                                  .acts = {{60s, kSetImage, 2},
                                           {.at = 120s, .kind = kPause, .in_between = true},
                                           {121s, kPromote},
                                           {140s, kResume}},
                                  .healths = {kGood, kGood}});
  CHECK(outcome.at_rest == "Healthy, v2 is stable");
}

TEST_CASE("old versions that stay keep nobody from looking at a rollout that is scaled to nothing") {
  const std::string strategy =
      fmt::format("{{canary: {{{}, scaleDownDelaySeconds: 0, steps: [{{setWeight: 2}}]}}}}", kRoute);
  played({.strategy = strategy,
          .spec = "{replicas: 7}",
          .annotations = "{towpath.dev/weight-limit: ready}",
          .acts = {{60s, kSetImage, 2}, {62s, kScale, 0}},
          .healths = {kGood, kBroken}});
}

TEST_CASE("what an experiment gives back goes to a stable version that broke meanwhile") {
  const std::string strategy = fmt::format(
      "{{canary: {{{}, dynamicStableScale: true, steps: [{{setWeight: 60}}, {{pause: {{}}}}, {{experiment:"
      " {{duration: 30s, templates: [{{name: a, specRef: stable, weight: 6}}, {{name: b, specRef: canary, weight: 5}}]"
      "}}}}, {{pause: {{}}}}]}}}}",
      kRoute);
  const Outcome outcome = played({.strategy = strategy,
                                  .annotations = "{towpath.dev/weight-limit: ready, towpath.dev/broken-stable: ship}",
                                  .acts = {{60s, kSetImage, 2}, {120s, kVersionBreaks, 1, 3min}, {130s, kPromote}},
                                  .healths = {kGood, kGood}});
  CHECK(outcome.at_rest == "Paused, v1 is stable");
}

TEST_CASE("header routes go with an abort, and come back when somebody takes them away") {
  const std::string strategy = fmt::format(
      "{{canary: {{{}, steps: [{{setWeight: 20}}, {{setHeaderRoute: {{name: header, match: [{{headerName: X-Version,"
      " headerValue: {{exact: new}}}}]}}}}, {{pause: {{}}}}]}}}}",
      "canaryService: shop-canary, stableService: shop-stable, trafficRouting: {managedRoutes: [{name: header}],"
      " plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}");
  const Outcome outcome = played({.strategy = strategy,
                                  .acts = {{60s, kSetImage, 2}, {120s, kRouteStripped}, {180s, kAbort}},
                                  .healths = {kGood, kGood}});
  CHECK(outcome.at_rest == "Degraded, v1 is stable");
}

TEST_CASE("a version after an abort starts although its ReplicaSet could not be made at first") {
  const Outcome outcome =
      played({.strategy = "{canary: {steps: [{setWeight: 50}, {pause: {}}]}}",
              .acts = {{60s, kSetImage, 2}, {100s, kAbort}, {120s, kWriteConflict, 1}, {121s, kSetImage, 3}},
              .healths = {kGood, kGood, kGood}});
  CHECK(outcome.at_rest == "Paused, v1 is stable");
}

TEST_CASE("nothing goes back to a stable version without a pod that serves, whatever limits the weight") {
  const std::string strategy = fmt::format("{{canary: {{{}, steps: [{{setWeight: 50}}, {{pause: {{}}}}]}}}}", kRoute);
  for (const Act& way_back : {Act{120s, kAbort}, Act{120s, kSetImage, 1}}) {
    played({.strategy = strategy,
            .spec = "{replicas: 1}",
            .annotations = "{towpath.dev/weight-limit: ready}",
            .acts = {{60s, kSetImage, 2}, {110s, kVersionBreaks, 1, 60s}, way_back},
            .healths = {kGood, kGood}});
  }
}

}  // namespace towpath::simulate
