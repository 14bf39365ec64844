// Rollouts and Experiments with what they refer to.

#include <doctest/doctest.h>

#include "found.h"

namespace towpath::lint {
namespace {

using examples::analysisTemplate;
using examples::found;
using examples::joined;
using examples::rollout;
using examples::service;

constexpr const char* kRouted = R"({canary: {stableService: stable, canaryService: canary, steps: [{setWeight: 20}],
    trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}}})";

std::string route(std::string_view canary) {
  return fmt::format(
      "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: shop}}\n"
      "spec: {{rules: [{{backendRefs: [{{name: stable, port: 80}}, {{name: {}, port: 80}}]}}]}}\n",
      canary);
}

TEST_CASE("Services and routes that no file has are warnings, and errors where everything must be there") {
  const std::vector<std::string> lines = found(rollout(kRouted));
  CHECK(lines == std::vector<std::string>{
                     "9: warning: spec.strategy.canary.stableService: Service \"stable\" is in none of the files",
                     "9: warning: spec.strategy.canary.canaryService: Service \"canary\" is in none of the files",
                     "10: warning: spec.strategy.canary.trafficRouting.plugins[argoproj-labs/gatewayAPI].httpRoute: "
                     "HTTPRoute \"shop\" is in none of the files"});
  for (const std::string& line : found(rollout(kRouted), Missing::kError)) CHECK(line.contains(": error: "));
  CHECK(found(rollout(kRouted) + service("stable") + service("canary") + route("canary")).empty());
}

TEST_CASE("a route that names only one of the Services cannot split the traffic") {
  const std::string all = joined(found(rollout(kRouted) + service("stable") + service("canary") + route("stable")));
  CHECK(
      all.contains("error: spec.strategy.canary.trafficRouting.plugins[argoproj-labs/gatewayAPI].httpRoute: no rule of "
                   "HTTPRoute \"shop\""));
}

TEST_CASE("a header route needs a route that takes it") {
  const std::string strategy = R"({canary: {stableService: stable, canaryService: canary,
    steps: [{setHeaderRoute: {name: beta, match: [{headerName: a, headerValue: {exact: b}}]}}],
    trafficRouting: {managedRoutes: [{name: beta}], plugins: {argoproj-labs/gatewayAPI: {httpRoutes: [{name: shop}]}}}}})";
  CHECK(joined(found(rollout(strategy))).contains("set useHeaderRoutes: true"));
}

TEST_CASE("a Service whose selector does not pick the pods is an error") {
  CHECK(joined(found(rollout(kRouted) + service("stable") + service("canary", "app: web") + route("canary"))) ==
        "9: error: spec.strategy.canary.canaryService: Invalid value: \"canary\": Service \"canary\" has unmatch label "
        "\"app\" in rollout");
}

TEST_CASE("objects of another namespace do not count") {
  std::string elsewhere = service("stable");
  elsewhere.replace(elsewhere.find("{name: stable}"), 14, "{name: stable, namespace: web}");
  std::string here = rollout("{canary: {stableService: stable}}");
  CHECK(found(here + elsewhere).empty());  // where the Rollout goes is open
  here.replace(here.find("{name: shop}"), 12, "{name: shop, namespace: shop}");
  CHECK(joined(found(here + elsewhere)).contains("Service \"stable\" is in none of the files"));
}

TEST_CASE("weights that fall are shown") {
  CHECK(joined(found(rollout("{canary: {steps: [{setWeight: 50}, {setWeight: 20}]}}")))
            .contains("warning: spec.strategy.canary.steps[1].setWeight: the weight falls from 50 to 20"));
}

constexpr const char* kWeb =
    "interval: 10s, count: 3, successCondition: 'result < {{args.limit}}', provider: {web: {url: "
    "'http://m/{{args.hash}}'}}";
constexpr const char* kArgs = "args: [{name: hash}, {name: limit, value: '0.05'}]";

std::string analysed(std::string_view args) {
  return rollout(fmt::format(
             "{{canary: {{steps: [{{analysis: {{templates: [{{templateName: errors}}], args: [{}]}}}}]}}}}", args)) +
         "---\n" + analysisTemplate(kWeb, kArgs);
}

TEST_CASE("a template's arguments come from the Rollout") {
  CHECK(found(analysed("{name: hash, valueFrom: {podTemplateHashValue: Latest}}")).empty());
  CHECK(joined(found(analysed("")))
            .contains("spec.strategy.canary.steps[0].analysis.templates: Invalid value: \"templateNames: [errors]\": "
                      "args.hash was not resolved"));
  CHECK(joined(found(analysed("{name: hash, value: a}, {name: hsah, value: b}")))
            .contains(
                "warning: spec.strategy.canary.steps[0].analysis.args[1]: no template declares the argument \"hsah\""));
}

TEST_CASE("a condition is tried with the arguments that the Rollout gives") {
  CHECK(joined(found(analysed("{name: hash, value: a}, {name: limit, value: '0.05 <'}")))
            .contains("spec.strategy.canary.steps[0].analysis.args: AnalysisTemplate \"errors\", metric "
                      "\"error-ratio\", successCondition: "));
  CHECK(found(analysed("{name: hash, value: a}, {name: limit, value: '0.1'}")).empty());
}

TEST_CASE("a template that no file has cannot be judged, and that is said") {
  const std::string alone = rollout("{canary: {analysis: {templates: [{templateName: errors}]}}}");
  CHECK(joined(found(alone)) ==
        "9: warning: spec.strategy.canary.analysis.templates[0].templateName: AnalysisTemplate \"errors\" is in none "
        "of the files");
}

constexpr const char* kExperiment = R"(apiVersion: argoproj.io/v1alpha1
kind: Experiment
metadata: {name: compare}
spec:
  duration: soon
  templates:
    - name: a
      selector: {matchLabels: {app: a}}
      template: {metadata: {labels: {app: b}}, spec: {containers: [{name: a, image: a}]}}
    - name: a
      selector: {matchLabels: {app: a}}
      template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: a}]}}
  analyses: [{name: errors, templateName: errors}]
---
)";

TEST_CASE("an Experiment's templates, duration and analyses") {
  const std::string all = joined(found(kExperiment + analysisTemplate(kWeb, kArgs)));
  CHECK(all.contains("5: error: spec.duration: \"soon\" is no duration such as 90s or 10m"));
  CHECK(all.contains(
      "9: error: spec.templates[0].template.metadata.labels: `selector` does not match template `labels`"));
  CHECK(all.contains("10: error: spec.templates[1].name: \"a\" is given twice"));
  CHECK(all.contains(
      "13: error: spec.analyses[0].args: args.hash was not resolved: AnalysisTemplate \"errors\" needs it"));
}

TEST_CASE("an HTTPRoute names a Gateway and Services") {
  std::string lonely = route("canary");
  lonely.replace(lonely.find("spec: {"), 7, "spec: {parentRefs: [{name: front}], ");
  const std::string all = joined(found(lonely));
  CHECK(all.contains("warning: spec.parentRefs[0].name: Gateway \"front\" is in none of the files"));
  CHECK(all.contains("warning: spec.rules[0].backendRefs[1].name: Service \"canary\" is in none of the files"));
}

}  // namespace
}  // namespace towpath::lint
