#include "simulate/draw.h"

#include <fmt/format.h>

#include <charconv>

#include "simulate/draw_steps.h"

namespace towpath::simulate {
namespace {

bool strict(const Scenario& scenario) { return scenario.profile == Profile::kStrict; }

Value& annotationsOf(Scenario& scenario) { return scenario.rollout["metadata"]["annotations"]; }

Value intOrPercent(Random& random) {
  if (random.percent(50)) return fmt::format("{}%", random.pick({0, 10, 25, 50, 100}));
  return random.between(0, 3);
}

void drawDelays(Random& random, Value& strategy) {
  if (random.percent(40)) strategy["scaleDownDelaySeconds"] = random.between(0, 60);
  if (random.percent(20)) strategy["scaleDownDelayRevisionLimit"] = random.between(0, 2);
  if (random.percent(30)) strategy["abortScaleDownDelaySeconds"] = random.between(0, 40);
}

// Both of them zero is refused.
void drawBudget(Random& random, Value& canary) {
  if (random.percent(50)) canary["maxSurge"] = intOrPercent(random);
  if (random.percent(50)) canary["maxUnavailable"] = intOrPercent(random);
  const auto none = [&canary](const char* field) {
    const Value& value = std::as_const(canary)[field];
    return value.asStringView() == "0%" || (value.isInt() && value.asInt() == 0);
  };
  if (none("maxSurge") && none("maxUnavailable")) canary["maxSurge"] = 1;
}

// Labels that tell what part a version plays; pods have to bear them, so there are pods.
void drawMetadata(Random& random, Scenario& scenario, Value& strategy, const char* stable, const char* fresh) {
  if (!random.percent(12)) return;
  scenario.with_pods = true;
  if (random.percent(80)) strategy[stable] = Object{{"labels", Object{{"role", "stable"}}}};
  if (random.percent(80)) strategy[fresh] = Object{{"labels", Object{{"role", "fresh"}}}};
}

void drawServices(Random& random, Scenario& scenario, Value& canary) {
  if (scenario.routed && random.percent(20)) {
    canary["pingPong"] = Object{{"pingService", "shop-ping"}, {"pongService", "shop-pong"}};
    scenario.services = {"shop-ping", "shop-pong"};
  } else if (scenario.routed || random.percent(30)) {
    canary["canaryService"] = "shop-canary";
    canary["stableService"] = "shop-stable";
    scenario.services = {"shop-canary", "shop-stable"};
  }
}

StepKinds drawRouting(Random& random, Scenario& scenario, Value& canary) {
  StepKinds kinds{.routed = true, .own_scale = !strict(scenario)};
  Value& routing = canary["trafficRouting"];
  routing["plugins"]["argoproj-labs/gatewayAPI"]["httpRoute"] = "shop";
  kinds.header = random.percent(40);
  // The proxies of nodes that report cannot mirror.
  kinds.mirror = scenario.reports == traffic::RouteReports::kNone && random.percent(40);
  Array managed;
  if (kinds.mirror) managed.emplace_back(Object{{"name", "mirror"}});
  if (kinds.header) managed.emplace_back(Object{{"name", "header"}});
  if (!managed.empty()) routing["managedRoutes"] = std::move(managed);
  if (strict(scenario) || random.percent(15)) annotationsOf(scenario)["towpath.dev/weight-limit"] = "ready";
  const bool dynamic = random.percent(40);
  if (dynamic) canary["dynamicStableScale"] = true;
  if (!dynamic) drawDelays(random, canary);
  if (random.percent(15)) canary["minPodsPerReplicaSet"] = random.between(1, 2);
  if (random.percent(15) && !strict(scenario)) {
    canary["replicaProgressThreshold"] = Object{{"type", "Percent"}, {"value", random.pick({50, 80, 100})}};
  }
  return kinds;
}

Value drawCanary(Random& random, Scenario& scenario) {
  Value canary = Object{};
  scenario.routed = random.percent(50);
  drawServices(random, scenario, canary);
  drawBudget(random, canary);
  drawMetadata(random, scenario, canary, "stableMetadata", "canaryMetadata");
  StepKinds kinds;
  if (scenario.routed) kinds = drawRouting(random, scenario, canary);
  if (random.percent(15)) annotationsOf(scenario)["towpath.dev/broken-stable"] = "ship";
  const Value steps = drawSteps(random, kinds);
  if (!steps.asArray().empty()) canary["steps"] = steps;
  for (int i = 0; i < 2; ++i) scenario.other_steps.push_back(drawSteps(random, kinds));
  if (random.percent(20)) {
    canary["analysis"] = drawAnalysisRef(random);
    canary["analysis"]["templates"] = Array{Object{{"templateName", "background"}}};
    if (random.percent(40) && !steps.asArray().empty()) canary["analysis"]["startingStep"] = 1;
  }
  return canary;
}

Value drawRecreate(Scenario& scenario) {
  annotationsOf(scenario)["towpath.dev/strategy"] = "recreate";
  scenario.other_steps.assign(2, Array{});
  return Object{};
}

Value drawBlueGreen(Random& random, Scenario& scenario) {
  Value strategy;
  strategy["activeService"] = "shop-active";
  scenario.services = {"shop-active"};
  if (random.percent(70)) {
    strategy["previewService"] = "shop-preview";
    scenario.services.push_back("shop-preview");
  }
  if (random.percent(50)) strategy["autoPromotionEnabled"] = false;
  if (random.percent(30)) strategy["autoPromotionSeconds"] = random.between(1, 60);
  if (random.percent(30)) strategy["previewReplicaCount"] = random.between(1, 3);
  if (random.percent(30)) strategy["prePromotionAnalysis"] = drawAnalysisRef(random);
  if (random.percent(30)) strategy["postPromotionAnalysis"] = drawAnalysisRef(random);
  drawMetadata(random, scenario, strategy, "activeMetadata", "previewMetadata");
  drawDelays(random, strategy);
  return strategy;
}

void drawSpec(Random& random, Value& spec) {
  spec["replicas"] = random.percent(5) ? 0 : random.between(1, 8);
  spec["progressDeadlineSeconds"] = random.between(60, 180);
  if (random.percent(25)) spec["progressDeadlineAbort"] = true;
  if (random.percent(15)) spec["minReadySeconds"] = random.between(1, 10);
  if (random.percent(25)) spec["rollbackWindow"]["revisions"] = random.between(1, 3);
  // Not smaller than the scaleDownDelayRevisionLimit may be.
  if (random.percent(30)) spec["revisionHistoryLimit"] = random.between(2, 4);
}

void drawStrategy(Random& random, Scenario& scenario) {
  Value& strategy = scenario.rollout["spec"]["strategy"];
  const int chance = random.between(0, 99);
  if (chance < 30) {
    strategy["blueGreen"] = drawBlueGreen(random, scenario);
  } else if (chance < 92) {
    strategy["canary"] = drawCanary(random, scenario);
  } else {
    strategy["canary"] = drawRecreate(scenario);
  }
}

// The template moves to another object, which the Rollout names instead.
void drawWorkload(Random& random, Scenario& scenario) {
  if (!random.percent(12)) return;
  Value& spec = scenario.rollout["spec"];
  const int chance = random.between(0, 99);
  const cluster::Resource& kind = chance < 70   ? cluster::kDeployments
                                  : chance < 85 ? cluster::kReplicaSets
                                                : cluster::kPodTemplates;
  Value& workload = scenario.workload;
  workload["apiVersion"] = kind.apiVersion();
  workload["kind"] = kind.kind;
  workload["metadata"] = Object{{"name", "shop-workload"}, {"namespace", scenario.ns}};
  if (kind == cluster::kPodTemplates) {
    workload["template"] = spec["template"];
  } else {
    workload["spec"] =
        Object{{"replicas", random.between(0, 6)}, {"selector", spec["selector"]}, {"template", spec["template"]}};
    spec.makeObject().erase("selector");
  }
  spec.makeObject().erase("template");
  spec["workloadRef"] = Object{{"apiVersion", kind.apiVersion()}, {"kind", kind.kind}, {"name", "shop-workload"}};
  const char* mode = random.pick({"", "never", "onsuccess", "progressively"});
  if (*mode != '\0') spec["workloadRef"]["scaleDown"] = mode;
  scenario.workload_kind = kind;
}

void drawPoison(Random& random, Scenario& scenario) {
  Value& spec = scenario.rollout["spec"];
  if (scenario.poison == Poison::kNoRoute && !scenario.routed) scenario.poison = Poison::kNoQuota;
  const bool canary = std::as_const(spec)["strategy"]["canary"].isObject();
  const bool plain = std::as_const(scenario.rollout)["metadata"]["annotations"]["towpath.dev/strategy"].isString();
  if (scenario.poison == Poison::kDeafPlugin && (!canary || plain)) scenario.poison = Poison::kNoQuota;
  if (scenario.poison == Poison::kDeafPlugin)
    spec["strategy"]["canary"]["steps"] = Array{Object{{"plugin", Object{{"name", kPlugin}}}}};
  if (scenario.poison != Poison::kMalformed) return;
  switch (random.between(0, 2)) {
    case 0:
      spec["minReadySeconds"] = 10'000;
      return;
    case 1:
      spec["strategy"] = Object{};
      return;
    default:
      spec["strategy"] = Object{{"canary", Object{{"steps", "many"}}}};
  }
}

}  // namespace

std::string imageOf(int version) { return fmt::format("v{}", version); }

int versionOf(std::string_view image) {
  int version = 0;
  if (image.starts_with("v")) std::from_chars(image.data() + 1, image.data() + image.size(), version);
  return version;
}

std::string appOf(const Scenario& scenario) { return scenario.ns == "default" ? "shop" : "shop-of-" + scenario.ns; }

void drawObjects(Random random, Scenario& scenario) {
  Value& rollout = scenario.rollout;
  rollout["apiVersion"] = "argoproj.io/v1alpha1";
  rollout["kind"] = "Rollout";
  rollout["metadata"] = Object{{"name", "shop"}, {"namespace", scenario.ns}};
  Value& spec = rollout["spec"];
  drawSpec(random, spec);
  const Value labels = Object{{"app", appOf(scenario)}};
  spec["selector"]["matchLabels"] = labels;
  spec["template"]["metadata"]["labels"] = labels;
  spec["template"]["spec"]["containers"] = Array{Object{{"name", "web"}, {"image", imageOf(1)}}};
  if (random.percent(20)) {
    annotationsOf(scenario)["towpath.dev/on-new-version"] =
        random.pick({"replace", "queue", "queue", "reject", "reject"});
  }
  drawStrategy(random, scenario);
  scenario.templates = {drawTemplate(random, "once", false), drawTemplate(random, "often", true)};
  // Without a count: it measures until the update is over.
  Value background = drawTemplate(random, "background", true);
  background["spec"]["metrics"].makeArray()[0].makeObject().erase("count");
  scenario.templates.push_back(std::move(background));
  for (Value& made : scenario.templates) made["metadata"]["namespace"] = scenario.ns;
  drawWorkload(random, scenario);
  drawPoison(random, scenario);
}

}  // namespace towpath::simulate
