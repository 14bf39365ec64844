#include "api/validate.h"

#include <doctest/doctest.h>

#include "json/patch.h"
#include "json/yaml.h"

using namespace towpath;

namespace {

Value read(std::string_view text) { return json::parseYamlDocument(text).value(); }

// A sound Rollout with the patch on top of its spec.
Value rolloutWith(std::string_view patch) {
  const Value sound = read(R"(
metadata: {name: x}
spec:
  replicas: 3
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec: {containers: [{name: a, image: b}]}
  strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}
)");
  return json::mergePatch(sound, Value(Object{{"spec", read(patch)}}));
}

std::string first(const api::FieldErrors& errors) { return errors.empty() ? "" : api::describe(errors.front()); }

std::string canaryError(std::string_view canary) {
  return first(api::validateRollout(rolloutWith(fmt::format("{{strategy: {{canary: {{{}}}}}}}", canary))));
}

}  // namespace

TEST_CASE("spec rules give the peer's first error") {
  const struct {
    const char* patch;
    const char* error;
  } kCases[] = {
      {"{}", ""},
      {"{replicas: -1}", "spec.replicas: Invalid value: -1: must be greater than or equal to 0"},
      {"{selector: null}", "spec.selector: Required value: Rollout has missing field '.spec.selector'"},
      {"{selector: {matchLabels: null}}", "spec.selector: Invalid value: {}: empty selector is invalid for deployment"},
      {"{selector: {matchExpressions: [{key: a, operator: Near}]}}",
       R"(spec.selector.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator)"},
      {"{selector: {matchExpressions: [{key: a, operator: In}]}}",
       "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or "
       "'NotIn'"},
      {"{template: {metadata: {labels: {app: z}}}}",
       R"(spec.template.metadata.labels: Invalid value: {"app":"z"}: `selector` does not match template `labels`)"},
      {"{template: {spec: {containers: null}}}", "spec.template.spec.containers: Required value"},
      {"{template: {spec: {containers: [{name: a}]}}}", "spec.template.spec.containers[0].image: Required value"},
      {"{template: {spec: {containers: [{name: a, image: b}, {name: a, image: b}]}}}",
       R"(spec.template.spec.containers[1].name: Duplicate value: "a")"},
      {"{template: {spec: {containers: [{name: a, image: b, ports: [{containerPort: 70000}]}]}}}",
       "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, "
       "inclusive"},
      {"{template: {spec: {containers: [{name: a, image: b, volumeMounts: [{name: v, mountPath: /v}]}]}}}",
       R"(spec.template.spec.containers[0].volumeMounts[0].name: Not found: "v")"},
      {"{template: {spec: {restartPolicy: Never}}}",
       R"(spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always")"},
      {"{template: {spec: {activeDeadlineSeconds: 5}}}",
       "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported"},
      {"{workloadRef: {kind: Deployment, name: d}}",
       "spec.template: Internal error: template must be empty for workload reference rollout"},
      {"{workloadRef: {kind: Deployment, name: d}, template: null, selector: null}", ""},
      {"{minReadySeconds: -1}", "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"},
      {"{revisionHistoryLimit: -1}",
       "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"},
      {"{minReadySeconds: 600}",
       "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"},
      {"{strategy: null}",
       "spec.strategy.strategy: Required value: Rollout has missing field '.spec.strategy.canary or "
       ".spec.strategy.blueGreen'"},
      {"{strategy: {blueGreen: {activeService: a}}}",
       R"(spec.strategy.strategy: Invalid value: "blueGreen: true canary: true": Multiple Strategies can not be listed)"},
      {"{strategy: {canary: null, blueGreen: {activeService: a, previewService: a}}}",
       R"(spec.strategy.activeService: Invalid value: "a": This rollout uses the same service for the active and preview services, but two different services are required.)"},
      {"{strategy: {canary: null, blueGreen: {}}}",
       R"(spec.strategy.activeService: Invalid value: "": This rollout uses the same service for the active and preview services, but two different services are required.)"},
      {"{revisionHistoryLimit: 2, strategy: {canary: null, blueGreen: {activeService: a, scaleDownDelayRevisionLimit: "
       "3}}}",
       "spec.strategy.scaleDownDelayRevisionLimit: Invalid value: 3: This rollout's revision history limit can not be "
       "smaller than the rollout's scale down limit"},
      {"{strategy: {canary: null, blueGreen: {activeService: a, antiAffinity: {}}}}",
       R"(spec.strategy.antiAffinity: Invalid value: "antiAffinity.PreferredDuringSchedulingIgnoredDuringExecution: false antiAffinity.RequiredDuringSchedulingIgnoredDuringExecution: false": AntiAffinity must have exactly one strategy listed)"},
      {"{replicas: -1, strategy: null}", "spec.replicas: Invalid value: -1: must be greater than or equal to 0"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.patch);
    CHECK(first(api::validateRollout(rolloutWith(c.patch))) == c.error);
  }
}

TEST_CASE("canary rules give the peer's first error") {
  const struct {
    const char* canary;  // members of spec.strategy.canary
    const char* error;   // after "spec.strategy."
  } kCases[] = {
      {"steps: [{setWeight: 0}, {setWeight: 100}]", ""},
      {"maxSurge: 0, maxUnavailable: 0%",
       "maxSurge: Invalid value: 0: MaxSurge and MaxUnavailable both can not be zero"},
      {"maxSurge: 0", ""},
      {"stableService: a, canaryService: a",
       R"(stableService: Invalid value: "a": This rollout uses the same service for the stable and canary services, but two different services are required.)"},
      {"trafficRouting: {nginx: {}}",
       R"(stableService: Invalid value: "": Canary service and Stable service must to be set to use Traffic Routing)"},
      {"trafficRouting: {istio: {destinationRule: {name: d}}}", ""},
      {"trafficRouting: {plugins: {a/b: {}}}", ""},
      {"scaleDownDelaySeconds: 3",
       "scaleDownDelaySeconds: Invalid value: 3: Canary scaleDownDelaySeconds can only be used with traffic routing"},
      {"dynamicStableScale: true",
       "dynamicStableScale: Invalid value: true: Canary dynamicStableScale can only be used with traffic routing"},
      {"dynamicStableScale: true, scaleDownDelaySeconds: 3, trafficRouting: {plugins: {a/b: {}}}",
       "dynamicStableScale: Invalid value: true: Canary dynamicStableScale cannot be used with scaleDownDelaySeconds"},
      {"trafficRouting: {maxTrafficWeight: 5, istio: {destinationRule: {}}}",
       "trafficRouting.maxTrafficWeight: Invalid value: 5: Canary maxTrafficWeight in traffic routing only supported "
       "in Nginx and Plugins"},
      {"steps: [{setWeight: 101}]", "steps[0].setWeight: Invalid value: 101: SetWeight needs to be between 0 and 100"},
      {"steps: [{setWeight: 101}], trafficRouting: {maxTrafficWeight: 1000, plugins: {a/b: {}}}", ""},
      {"steps: [{}, {setWeight: -1}]",
       R"(steps[0]: Invalid value: "step.Experiment: true step.Pause: true step.SetWeight: true step.Analysis: true step.SetCanaryScale: true step.SetHeaderRoute: true step.SetMirrorRoute: true step.Plugin: true": Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause)"},
      {"steps: [{setWeight: 1, pause: {}}]",
       R"(steps[0]: Invalid value: "step.Experiment: false step.Pause: true step.SetWeight: true step.Analysis: false": Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause)"},
      {"steps: [{pause: {duration: 5x}}]",
       "steps[0].pause.duration: Invalid value: -1: Duration needs to be greater than 0"},
      {"steps: [{pause: {duration: -7}}]",
       "steps[0].pause.duration: Invalid value: -7: Duration needs to be greater than 0"},
      {"steps: [{pause: {duration: 1.5h}}]", ""},
      {"steps: [{setCanaryScale: {weight: 5}}]",
       "trafficRouting: Required value: SetCanaryScale requires TrafficRouting to be set"},
      {"steps: [{setHeaderRoute: {name: r}}]",
       R"(steps[0].setHeaderRoute: Invalid value: {"name":"r"}: SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix)"},
      {"steps: [{setMirrorRoute: {name: r}}], trafficRouting: {alb: {servicePort: 1, rootService: r}}, stableService: "
       "s, canaryService: c",
       R"(steps[0].setMirrorRoute: Invalid value: {"name":"r"}: SetMirrorRoute requires TrafficRouting, supports Istio and Plugins)"},
      {"steps: [{setHeaderRoute: {name: r}}], trafficRouting: {plugins: {a/b: {}}}",
       "trafficRouting.managedRoutes: Required value: Rollout has missing field "
       "'spec.strategy.canary.trafficRouting.managedRoutes'"},
      {"steps: [{setHeaderRoute: {name: r}}], trafficRouting: {plugins: {a/b: {}}, managedRoutes: [{name: q}]}",
       R"(steps[0].setHeaderRoute: Invalid value: "r": Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes)"},
      {"steps: [{setHeaderRoute: {name: r, match: [{headerName: h, headerValue: {exact: a, prefix: b}}]}}], "
       "trafficRouting: {plugins: {a/b: {}}, managedRoutes: [{name: r}]}",
       R"(steps[0].setHeaderRoute.match[0]: Invalid value: {"exact":"a","prefix":"b"}: StringMatch match value must have exactly one of the following: exact, regex, prefix)"},
      {"steps: [{setMirrorRoute: {name: r, match: [{path: {}}]}}], trafficRouting: {plugins: {a/b: {}}, managedRoutes: "
       "[{name: r}]}",
       "steps[0].setMirrorRoute.match[0]: Invalid value: {}: StringMatch value missed, match value must have one of "
       "the following: exact, regex, prefix"},
      {"steps: [{experiment: {templates: [{name: a, weight: 5}]}}]",
       "steps[0].experiment.templates[0].weight: Invalid value: 5: Experiment template weight cannot be set unless "
       "TrafficRouting is enabled"},
      {"steps: [{analysis: {templates: [{templateName: t}], args: [{name: a, valueFrom: {fieldRef: {fieldPath: "
       "metadata.nope}}}]}}]",
       R"(steps[0].analyses: Invalid value: [{"name":"a","valueFrom":{"fieldRef":{"fieldPath":"metadata.nope"}}}]: Analyses arguments must refer to valid object metadata supported by downwardAPI)"},
      {"steps: [{analysis: {templates: [{templateName: t}], args: [{name: a, valueFrom: {fieldRef: {fieldPath: "
       "\"metadata.labels['x']\"}}}]}}]",
       ""},
      {"pingPong: {pingService: a, pongService: a}, trafficRouting: {plugins: {a/b: {}}}",
       R"(pingPong.pingService: Invalid value: "a": This rollout uses the same service for the ping and pong services, but two different services are required.)"},
      {"pingPong: {pingService: a}, trafficRouting: {plugins: {a/b: {}}}",
       R"(pingPong.pongService: Invalid value: "": Ping service and Pong service must to be set to use Ping-Pong feature)"},
      {"pingPong: {pingService: a, pongService: b}, trafficRouting: {alb: {servicePort: 1}}",
       R"(trafficRouting.alb.rootService: Invalid value: "": Root service field is required for the configuration with ALB and ping-pong feature enabled)"},
      {"antiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: {weight: 0}}",
       "antiAffinity.weight: Invalid value: 0: AntiAffinity weight must be between 1-100"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.canary);
    const std::string wanted = *c.error == '\0' ? "" : std::string("spec.strategy.") + c.error;
    CHECK(canaryError(c.canary) == wanted);
  }
}

TEST_CASE("what a Rollout refers to must be there and fit") {
  const Value rollout = rolloutWith(R"({strategy: {canary: {stableService: s, canaryService: c,
    steps: [{analysis: {templates: [{templateName: t}], args: [{name: host, value: h}]}}],
    analysis: {templates: [{templateName: bg, clusterScope: true}], args: [{name: other, value: v}]}}}})");
  std::map<std::string, Value, std::less<>> services{
      {"s", read("{metadata: {name: s}, spec: {selector: {app: x, rollouts-pod-template-hash: abc}}}")},
      {"c", read("{metadata: {name: c}, spec: {selector: {app: x}}}")}};
  std::map<std::string, Value, std::less<>> templates{
      {"t",
       read("{metadata: {name: t}, spec: {args: [{name: host}], templates: [{templateName: nest}], metrics: [{name: "
            "m, provider: {}}]}}")},
      {"nest", read("{metadata: {name: nest}, spec: {metrics: [{name: k, interval: 5s, count: 2}]}}")},
      {"bg", read("{metadata: {name: bg}, spec: {args: [{name: other}], metrics: [{name: m, interval: 5s}]}}")}};
  const auto in = [](auto& map) {
    return [&map](std::string_view name) -> const Value* {
      const auto found = map.find(name);
      return found == map.end() ? nullptr : &found->second;
    };
  };
  const api::References references{in(services), in(templates), in(templates)};
  const auto error = [&] { return first(api::validateReferences(rollout, references)); };
  const std::string step_path = "spec.strategy.canary.steps[0].analysis.templates: ";
  CHECK(error().empty());

  SUBCASE("missing service") {
    services.erase("c");
    CHECK(error() == R"(spec.strategy.canary.canaryService: Invalid value: "c": service "c" not found)");
  }
  SUBCASE("service that selects something else") {
    services["s"] = read("{metadata: {name: s}, spec: {selector: {app: y}}}");
    CHECK(error() ==
          R"(spec.strategy.canary.stableService: Invalid value: "s": Service "s" has unmatch label "app" in rollout)");
  }
  SUBCASE("service of another rollout") {
    services["s"] = read("{metadata: {name: s, annotations: {argo-rollouts.argoproj.io/managed-by-rollouts: z}}}");
    CHECK(error() ==
          R"(spec.strategy.canary.stableService: Invalid value: "s": Service "s" is managed by another Rollout)");
  }
  SUBCASE("missing template") {
    templates.erase("t");
    CHECK(error() == step_path + R"(Invalid value: "t": AnalysisTemplate 't' not found)");
  }
  SUBCASE("missing nested template") {
    templates.erase("nest");
    CHECK(error() == R"(spec.templates: Invalid value: "nest": AnalysisTemplate 'nest' not found)");
  }
  SUBCASE("missing cluster template") {
    templates.erase("bg");
    CHECK(error() ==
          R"(spec.strategy.canary.analysis.templates: Invalid value: "bg": ClusterAnalysisTemplate 'bg' not found)");
  }
  SUBCASE("two metrics of one name") {
    templates["nest"] = read("{metadata: {name: nest}, spec: {metrics: [{name: m}]}}");
    CHECK(error() == step_path + R"(Invalid value: "templateNames: [t nest]": two metrics have the same name 'm')");
  }
  SUBCASE("an argument without a value") {
    templates["nest"] = read("{metadata: {name: nest}, spec: {args: [{name: open}], metrics: []}}");
    CHECK(error() == step_path + R"(Invalid value: "templateNames: [t nest]": args.open was not resolved)");
  }
  SUBCASE("a step that would never end") {
    templates["nest"] = read("{metadata: {name: nest}, spec: {metrics: [{name: k, interval: 5s}]}}");
    CHECK(
        error() ==
        step_path +
            R"(Invalid value: "nest": AnalysisTemplate nest has metric k which runs indefinitely. Invalid value for count: nil)");
  }
  SUBCASE("templates that nest each other") {
    templates["nest"] = read("{metadata: {name: nest}, spec: {templates: [{templateName: t}], metrics: []}}");
    CHECK(error().empty());
  }
}

TEST_CASE("analysis templates are checked when they come in") {
  const auto errorOf = [](std::string_view metric) {
    return first(api::validateAnalysis(read(fmt::format("{{spec: {{metrics: [{}]}}}}", metric))));
  };
  CHECK(errorOf("{name: m, provider: {web: {url: u}}}").empty());
  CHECK(errorOf("{name: m, provider: {web: {}, job: {}}}") ==
        R"(spec.metrics[0].provider: Invalid value: {"web":{},"job":{}}: multiple providers specified)");
  CHECK(errorOf("{name: m, provider: {web: null}}").ends_with("no provider specified"));
  CHECK(errorOf("{provider: {web: {}}}") == "spec.metrics[0].name: Required value");
  CHECK(errorOf("{name: m, provider: {web: {}}}, {name: m, provider: {web: {}}}")
            .ends_with("two metrics have the same name"));
  CHECK(
      errorOf("{name: m, count: 3, failureLimit: 5, interval: 1s, provider: {web: {}}}") ==
      R"(spec.metrics[0]: Invalid value: "m": count (3) must be >= failureLimit + consecutiveSuccessLimit (5 + 0) if both >= 0)");
  CHECK(errorOf("{name: m, count: 3, provider: {web: {}}}").ends_with("interval must be specified when count > 1"));
  CHECK(errorOf("{name: m, interval: 3d, provider: {web: {}}}").find("unknown unit") != std::string::npos);
  CHECK(errorOf("{name: m, interval: '{{args.i}}', provider: {web: {}}}").empty());
}
