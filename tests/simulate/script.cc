#include "simulate/script.h"

#include "json/patch.h"
#include "json/yaml.h"
#include "simulate/draw.h"

namespace towpath::simulate {

Scenario scripted(const Script& script) {
  Scenario scenario{.seed = 1};
  // The templates of a drawn one; everything else is written over.
  drawObjects(Random(1), scenario);
  scenario.rollout["metadata"] = Object{{"name", "shop"}, {"namespace", "default"}};
  const Value pod_template = scenario.rollout["spec"]["template"];
  const Value selector = scenario.rollout["spec"]["selector"];
  scenario.rollout["spec"] = Object{{"replicas", 4}, {"progressDeadlineSeconds", 120}};
  scenario.rollout["spec"] =
      json::mergePatch(std::as_const(scenario.rollout)["spec"], json::parseYamlDocument(script.spec).value());
  scenario.rollout["spec"]["selector"] = selector;
  scenario.rollout["spec"]["template"] = pod_template;
  scenario.rollout["spec"]["strategy"] = json::parseYamlDocument(script.strategy).value();
  const Value& canary = std::as_const(scenario.rollout).at({"spec", "strategy", "canary"});
  scenario.routed = canary["trafficRouting"].isObject();
  // Only what the strategy names: nobody would ever switch the others.
  scenario.services.clear();
  if (canary["canaryService"].isString()) scenario.services = {"shop-canary", "shop-stable"};
  if (!canary.isObject()) scenario.services = {"shop-active", "shop-preview"};
  scenario.reports = traffic::RouteReports::kNone;
  scenario.other_steps.assign(2, Array{});
  scenario.acts = script.acts;
  scenario.healths = script.healths;
  scenario.qualities = script.qualities;
  scenario.active = script.active;
  for (const Act& act : scenario.acts) scenario.with_pods |= act.kind == ActKind::kRestart;
  return scenario;
}

}  // namespace towpath::simulate
