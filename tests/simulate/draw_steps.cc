#include "simulate/draw_steps.h"

#include <fmt/format.h>

namespace towpath::simulate {
namespace {

Value drawScale(Random& random) {
  switch (random.between(0, 2)) {
    case 0:
      return Object{{"setCanaryScale", Object{{"weight", random.between(0, 100)}}}};
    case 1:
      return Object{{"setCanaryScale", Object{{"replicas", random.between(0, 4)}}}};
    default:
      return Object{{"setCanaryScale", Object{{"matchTrafficWeight", true}}}};
  }
}

// Without a match the route goes.
Value drawHeaderRoute(Random& random) {
  Value step;
  step["name"] = "header";
  if (random.percent(75)) {
    step["match"] = Array{Object{{"headerName", "X-Version"}, {"headerValue", Object{{"exact", "new"}}}}};
  }
  return Object{{"setHeaderRoute", std::move(step)}};
}

Value drawMirrorRoute(Random& random) {
  Value step;
  step["name"] = "mirror";
  if (random.percent(75)) {
    step["match"] = Array{Object{{"path", Object{{"prefix", "/"}}}}};
    if (random.percent(50)) step["percentage"] = random.between(1, 100);
  }
  return Object{{"setMirrorRoute", std::move(step)}};
}

// `left`: what the canary's weight leaves for the templates.
Value drawExperiment(Random& random, const StepKinds& kinds, int left) {
  Array templates;
  const bool weighted = kinds.routed && left > 1 && random.percent(50);
  for (const char* ref : {"stable", "canary"}) {
    Value one = Object{{"name", fmt::format("of-{}", ref)}, {"specRef", ref}};
    if (random.percent(30)) one["replicas"] = random.between(1, 3);
    if (weighted) one["weight"] = random.between(0, left / 2);
    templates.push_back(std::move(one));
  }
  Value step;
  step["templates"] = std::move(templates);
  if (random.percent(80)) step["duration"] = fmt::format("{}s", random.between(5, 60));
  return Object{{"experiment", std::move(step)}};
}

Value drawStep(Random& random, const StepKinds& kinds, int& weight) {
  const int chance = random.between(0, 99);
  if (chance < 44) {
    weight = random.percent(80) ? random.between(weight, 100) : random.between(0, 100);
    return Object{{"setWeight", weight}};
  }
  if (chance < 62) return Object{{"pause", Object{{"duration", random.between(1, 60)}}}};
  if (chance < 71) return Object{{"pause", Object{}}};
  if (chance < 76) return Object{{"plugin", Object{{"name", kPlugin}, {"config", Object{{"size", weight}}}}}};
  if (chance < 81) return drawExperiment(random, kinds, 100 - weight);
  if (chance < 87 && kinds.header) return drawHeaderRoute(random);
  if (chance < 90 && kinds.mirror) return drawMirrorRoute(random);
  if (chance < 95 && kinds.own_scale) return drawScale(random);
  return Object{{"analysis", drawAnalysisRef(random)}};
}

}  // namespace

Value drawAnalysisRef(Random& random) {
  Value ref;
  ref["templates"] = Array{Object{{"templateName", random.pick({"once", "often"})}}};
  ref["args"] = Array{Object{{"name", "hash"}, {"valueFrom", Object{{"podTemplateHashValue", "Latest"}}}}};
  return ref;
}

Value drawTemplate(Random& random, const std::string& name, bool often) {
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
  object["metadata"] = Object{{"name", name}};
  object["spec"]["args"] = Array{Object{{"name", "hash"}}};
  object["spec"]["metrics"] = Array{metric};
  return object;
}

Value drawSteps(Random& random, const StepKinds& kinds) {
  Array steps;
  const int count = random.percent(8) ? 0 : random.between(1, 6);
  Random early = random.fork("routes");
  int weight = 0;
  for (int i = 0; i < count; ++i) steps.push_back(drawStep(random, kinds, weight));
  // Drawn among the others a route would seldom be there when something happens.
  const auto first = steps.begin() + (steps.empty() ? 0 : early.between(0, 1));
  if (kinds.header && early.percent(60)) {
    steps.insert(first, drawHeaderRoute(early));
  } else if (kinds.mirror && early.percent(60)) {
    steps.insert(first, drawMirrorRoute(early));
  }
  return steps;
}

}  // namespace towpath::simulate
