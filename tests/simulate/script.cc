#include "simulate/script.h"

#include "json/patch.h"
#include "json/yaml.h"
#include "simulate/draw.h"
#include "simulate/draw_steps.h"

namespace towpath::simulate {
namespace {

Value baseSpec() {
  Value spec = Object{{"replicas", 4}, {"progressDeadlineSeconds", 120}};
  const Value labels = Object{{"app", "shop"}};
  spec["selector"]["matchLabels"] = labels;
  spec["template"]["metadata"]["labels"] = labels;
  spec["template"]["spec"]["containers"] = Array{Object{{"name", "web"}, {"image", imageOf(1)}}};
  return spec;
}

// Only what the strategy names: nobody would ever switch the others.
std::vector<std::string> servicesOf(const Value& strategy) {
  const Value& canary = strategy["canary"];
  if (!canary.isObject()) return {"shop-active", "shop-preview"};
  if (canary["pingPong"].isObject()) return {"shop-ping", "shop-pong"};
  if (canary["canaryService"].isString()) return {"shop-canary", "shop-stable"};
  return {};
}

bool hasMetadata(const Value& strategy) {
  const Value& kind = strategy["canary"].isObject() ? strategy["canary"] : strategy["blueGreen"];
  for (const char* block : {"stableMetadata", "canaryMetadata", "activeMetadata", "previewMetadata"}) {
    if (!kind[block].isNull()) return true;
  }
  return false;
}

}  // namespace

Scenario scripted(const Script& script) {
  Scenario scenario{.seed = 1};
  Random random(1);
  scenario.templates = {drawTemplate(random, "once", false), drawTemplate(random, "often", true),
                        drawTemplate(random, "background", true)};
  scenario.templates.back()["spec"]["metrics"].makeArray()[0].makeObject().erase("count");
  for (Value& made : scenario.templates) made["metadata"]["namespace"] = scenario.ns;
  Value& rollout = scenario.rollout;
  rollout = Object{{"apiVersion", "argoproj.io/v1alpha1"}, {"kind", "Rollout"}};
  rollout["metadata"] = Object{{"name", "shop"}, {"namespace", scenario.ns}};
  rollout["metadata"]["annotations"] = json::parseYamlDocument(script.annotations).value();
  rollout["spec"] = json::mergePatch(baseSpec(), json::parseYamlDocument(script.spec).value());
  rollout["spec"]["strategy"] = json::parseYamlDocument(script.strategy).value();
  const Value& strategy = std::as_const(rollout)["spec"]["strategy"];
  scenario.routed = strategy["canary"]["trafficRouting"].isObject();
  scenario.services = servicesOf(strategy);
  scenario.reports = script.reports;
  scenario.other_steps.assign(2, Array{});
  scenario.acts = script.acts;
  scenario.healths = script.healths;
  scenario.qualities = script.qualities;
  scenario.active = script.active;
  scenario.with_pods = hasMetadata(strategy);
  for (const Act& act : scenario.acts) scenario.with_pods |= act.kind == ActKind::kRestart;
  return scenario;
}

}  // namespace towpath::simulate
