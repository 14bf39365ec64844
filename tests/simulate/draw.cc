#include "simulate/draw.h"

#include <fmt/format.h>

#include <charconv>

#include "json/yaml.h"

namespace towpath::simulate {
namespace {

bool strict(const Scenario& scenario) { return scenario.profile == Profile::kStrict; }

Value analysisRef(Random& random) {
  Value ref;
  ref["templates"] = Array{Object{{"templateName", random.pick({"once", "often"})}}};
  ref["args"] = Array{Object{{"name", "hash"}, {"valueFrom", Object{{"podTemplateHashValue", "Latest"}}}}};
  return ref;
}

Value analysisTemplate(Random& random, const std::string& name, bool often) {
  Value metric;
  metric["name"] = "errors";
  metric["successCondition"] = "result < 0.3";
  metric["failureCondition"] = "result > 0.6";
  if (often) {
    metric["interval"] = fmt::format("{}s", random.between(3, 15));
    metric["count"] = random.between(2, 4);
  }
  if (random.percent(30)) metric["failureLimit"] = random.between(0, 1);
  if (random.percent(20)) metric["inconclusiveLimit"] = 1;
  if (random.percent(20)) metric["initialDelay"] = "5s";
  metric["provider"]["web"]["url"] = "http://metrics/{{args.hash}}";
  Value object;
  object["apiVersion"] = "argoproj.io/v1alpha1";
  object["kind"] = "AnalysisTemplate";
  object["metadata"] = Object{{"name", name}, {"namespace", "default"}};
  object["spec"]["args"] = Array{Object{{"name", "hash"}}};
  object["spec"]["metrics"] = Array{metric};
  return object;
}

Value drawStep(Random& random, const Scenario& scenario, int& weight) {
  const int chance = random.between(0, 99);
  if (chance < 50) {
    weight = random.percent(80) ? random.between(weight, 100) : random.between(0, 100);
    return Object{{"setWeight", weight}};
  }
  if (chance < 70) return Object{{"pause", Object{{"duration", random.between(1, 60)}}}};
  if (chance < 80) return Object{{"pause", Object{}}};
  if (chance < 90 || !scenario.routed || strict(scenario)) return Object{{"analysis", analysisRef(random)}};
  switch (random.between(0, 2)) {
    case 0:
      return Object{{"setCanaryScale", Object{{"weight", random.between(0, 100)}}}};
    case 1:
      return Object{{"setCanaryScale", Object{{"replicas", random.between(0, 4)}}}};
    default:
      return Object{{"setCanaryScale", Object{{"matchTrafficWeight", true}}}};
  }
}

Value drawSteps(Random& random, const Scenario& scenario) {
  Array steps;
  const int count = random.percent(8) ? 0 : random.between(1, 6);
  int weight = 0;
  for (int i = 0; i < count; ++i) steps.push_back(drawStep(random, scenario, weight));
  return steps;
}

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

Value drawCanary(Random& random, Scenario& scenario) {
  Value canary = Object{};
  scenario.routed = random.percent(50);
  if (scenario.routed || random.percent(30)) {
    canary["canaryService"] = "shop-canary";
    canary["stableService"] = "shop-stable";
    scenario.services = {"shop-canary", "shop-stable"};
  }
  drawBudget(random, canary);
  if (scenario.routed) {
    canary["trafficRouting"]["plugins"]["argoproj-labs/gatewayAPI"]["httpRoute"] = "shop";
    Value& annotations = scenario.rollout["metadata"]["annotations"];
    if (strict(scenario)) annotations["towpath.dev/weight-limit"] = "ready";
    if (random.percent(15)) annotations["towpath.dev/broken-stable"] = "ship";
    if (random.percent(60)) scenario.reports = traffic::RouteReports::kExpected;
    const bool dynamic = random.percent(40);
    if (dynamic) canary["dynamicStableScale"] = true;
    if (!dynamic) drawDelays(random, canary);
    if (random.percent(15)) canary["minPodsPerReplicaSet"] = random.between(1, 2);
    if (random.percent(15) && !strict(scenario)) {
      canary["replicaProgressThreshold"] = Object{{"type", "Percent"}, {"value", random.pick({50, 80, 100})}};
    }
  }
  const Value steps = drawSteps(random, scenario);
  if (!steps.asArray().empty()) canary["steps"] = steps;
  for (int i = 0; i < 2; ++i) scenario.other_steps.push_back(drawSteps(random, scenario));
  if (random.percent(20)) {
    canary["analysis"] = analysisRef(random);
    canary["analysis"]["templates"] = Array{Object{{"templateName", "background"}}};
    if (random.percent(40) && !steps.asArray().empty()) canary["analysis"]["startingStep"] = 1;
  }
  return canary;
}

Value drawRecreate(Scenario& scenario) {
  scenario.rollout["metadata"]["annotations"]["towpath.dev/strategy"] = "recreate";
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
  if (random.percent(30)) strategy["prePromotionAnalysis"] = analysisRef(random);
  if (random.percent(30)) strategy["postPromotionAnalysis"] = analysisRef(random);
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

}  // namespace

std::string imageOf(int version) { return fmt::format("v{}", version); }

int versionOf(std::string_view image) {
  int version = 0;
  if (image.starts_with("v")) std::from_chars(image.data() + 1, image.data() + image.size(), version);
  return version;
}

void drawObjects(Random random, Scenario& scenario) {
  Value& rollout = scenario.rollout;
  rollout["apiVersion"] = "argoproj.io/v1alpha1";
  rollout["kind"] = "Rollout";
  rollout["metadata"] = Object{{"name", "shop"}, {"namespace", "default"}};
  Value& spec = rollout["spec"];
  drawSpec(random, spec);
  const Value labels = Object{{"app", "shop"}};
  spec["selector"]["matchLabels"] = labels;
  spec["template"]["metadata"]["labels"] = labels;
  spec["template"]["spec"]["containers"] = Array{Object{{"name", "web"}, {"image", imageOf(1)}}};
  const int chance = random.between(0, 99);
  if (chance < 35) {
    spec["strategy"]["blueGreen"] = drawBlueGreen(random, scenario);
  } else if (chance < 92) {
    spec["strategy"]["canary"] = drawCanary(random, scenario);
  } else {
    spec["strategy"]["canary"] = drawRecreate(scenario);
  }
  scenario.templates = {analysisTemplate(random, "once", false), analysisTemplate(random, "often", true)};
  // Without a count: it measures until the update is over.
  Value background = analysisTemplate(random, "background", true);
  background["spec"]["metrics"].makeArray()[0].makeObject().erase("count");
  scenario.templates.push_back(std::move(background));
}

}  // namespace towpath::simulate
