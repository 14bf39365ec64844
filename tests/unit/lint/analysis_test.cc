// AnalysisTemplates and AnalysisRuns.

#include <doctest/doctest.h>

#include "found.h"

namespace towpath::lint {
namespace {

using examples::analysisTemplate;
using examples::found;
using examples::joined;

std::string of(std::string_view metric, std::string_view more = "") {
  return joined(found(analysisTemplate(metric, more)));
}

std::string condition(std::string_view text, std::string_view provider) {
  return of(fmt::format("successCondition: \"{}\", provider: {{{}}}", text, provider));
}

constexpr const char* kWeb = "web: {url: 'http://metrics'}";

TEST_CASE("a condition that does not compile is told with its place") {
  CHECK(condition("result <", kWeb).starts_with("6: error: spec.metrics[0].successCondition: 1:"));
  CHECK(condition("len(result)", kWeb) == "6: error: spec.metrics[0].successCondition: expected bool, but got int");
  CHECK(condition("result.ok && result.rate < 0.05", kWeb) == "");
}

TEST_CASE("a condition is typed against what the provider measures") {
  CHECK(condition("result[0] < 0.05", "prometheus: {query: up}") == "");
  CHECK(condition("result < 0.05", "prometheus: {query: 'scalar(up)'}") == "");
  CHECK(condition("result < 0.05", "prometheus: {query: up}")
            .starts_with("6: warning: spec.metrics[0].successCondition: "));
  CHECK(condition("result[0] == 'up'", "prometheus: {query: up}").contains("mismatched types float64 and string"));
  CHECK(condition("result == 'up'", "datadog: {query: up}") ==
        "6: error: spec.metrics[0].successCondition: 1:8: invalid operation: == (mismatched types float64 and string) "
        "(datadog measures float64)");
  CHECK(condition("result[0] < 1", "datadog: {query: up}").contains("error"));
  CHECK(condition("result[0] < 1", "datadog: {apiVersion: v2, query: up}") == "");
  CHECK(condition("result < 1", "graphite: {address: 'http://g', query: a}").contains("graphite measures []float64"));
  CHECK(condition("result.count > 5", "newRelic: {query: a}") == "");
  CHECK(condition("result > 5", "newRelic: {query: a}").contains("error"));
  CHECK(condition("result < 0.01", "plugin: {towpath/traffic: {service: shop}}") == "");
  CHECK(condition("result == 'bad'", "plugin: {towpath/traffic: {service: shop}}").contains("measures float64"));
  CHECK(condition("result.score > 5", "plugin: {acme/score: {}}") == "");
}

TEST_CASE("a metric that judges nothing, or whose conditions nobody looks at, is shown") {
  CHECK(of(fmt::format("provider: {{{}}}", kWeb)).contains("whatever it measures is a success"));
  CHECK(condition("result", "job: {spec: {template: {spec: {containers: []}}}}")
            .contains("a job metric has its own verdict"));
}

TEST_CASE("every tag names a declared argument, every declared one is used") {
  const std::string metric =
      "successCondition: 'result < {{args.limit}}', provider: {web: {url: 'http://m/{{ args.hash }}'}}";
  CHECK(of(metric, "args: [{name: limit}, {name: hash}]") == "");
  CHECK(of(metric, "args: [{name: limit}, {name: hsah}]") ==
        "6: error: spec.metrics[0].provider.web.url: failed to resolve {{args.hash}}: declare \"hash\" in spec.args\n"
        "7: warning: spec.args[1]: no metric uses {{args.hsah}}");
  CHECK(of("successCondition: result, provider: {web: {url: 'http://{{host}}'}}")
            .contains("only {{args.NAME}} is replaced"));
  CHECK(of(metric, "args: [{name: limit}, {name: hash}, {name: hash}]")
            .contains("spec.args[2]: the argument \"hash\" is declared twice"));
}

TEST_CASE("an argument without a value makes a condition wrong only if no value could make it right") {
  CHECK(of("successCondition: 'result < {{args.limit}}', provider: {web: {url: 'http://m'}}",
           "args: [{name: limit}]") == "");
  CHECK(of("successCondition: 'result {{args.op}} 5', provider: {web: {url: 'http://m'}}",
           "args: [{name: op, value: '<'}]") == "");
  CHECK(of("successCondition: 'result < {{args.limit}} <', provider: {web: {url: 'http://m'}}", "args: [{name: limit}]")
            .contains("spec.metrics[0].successCondition"));
  CHECK(of("count: '{{args.times}}', failureLimit: 3, interval: 1s, successCondition: result, provider: {web: {url: "
           "'http://m'}}",
           "args: [{name: times, value: '2'}]")
            .contains("with its arguments: Invalid value: \"error-ratio\": count (2) must be >= failureLimit"));
}

TEST_CASE("texts that are parsed only while measuring") {
  CHECK(of("successCondition: result, provider: {web: {url: 'http://m', jsonPath: '{$.a[}'}}")
            .contains("spec.metrics[0].provider.web.jsonPath"));
  CHECK(of("successCondition: result, provider: {web: {url: 'http://m', jsonPath: '$.ok'}}")
            .contains("warning: spec.metrics[0].provider.web.jsonPath: "));
  CHECK(of("successCondition: result, provider: {web: {url: 'http://m', jsonPath: '{$.ok}'}}") == "");
  CHECK(of("successCondition: result, provider: {web: {url: metrics}}").contains("is no http:// or https:// address"));
  CHECK(of("successCondition: result, provider: {web: {url: 'http://m', body: a}}")
            .contains("a body needs method: POST or PUT"));
  CHECK(of("successCondition: 'result > 1', provider: {datadog: {query: a, interval: soon}}")
            .contains("\"soon\" is no duration"));
  const auto range = [&](const std::string& start) {
    return of(
        "successCondition: 'len(result) > 1', provider: {prometheus: {address: 'http://m', query: up, rangeQuery: "
        "{end: now(), step: 1m, start: '" +
        start + "'}}}");
  };
  CHECK(range("now() - 2 * duration(\"1h\")") == "");
  CHECK(
      range("now() - 5").contains("rangeQuery.start: 1:7: invalid operation: - (mismatched types time.Time and int)"));
  CHECK(range("duration(\"1h\")").contains("rangeQuery.start: expected time.Time, but got time.Duration"));
  CHECK(of("interval: soon, successCondition: result, provider: {web: {url: 'http://m'}}")
            .contains("invalid interval string"));
}

TEST_CASE("rules about metrics name metrics that are there") {
  const std::string metric = fmt::format("successCondition: result, provider: {{{}}}", kWeb);
  CHECK(of(metric, "dryRun: [{metricName: error.*}]") == "");
  CHECK(of(metric, "dryRun: [{metricName: latency}]") ==
        "7: error: spec.dryRun[0]: Rule didn't match any metric name(s)");
  CHECK(of(metric, "measurementRetention: [{metricName: '[', limit: 3}]")
            .contains("error: spec.measurementRetention[0]"));
}

constexpr const char* kOuter = R"(---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: outer}
spec:
  args: [{name: hash}]
  templates: [{templateName: errors}]
)";

TEST_CASE("templates that nest templates are looked at together") {
  const std::string inner =
      analysisTemplate("successCondition: result, provider: {web: {url: 'http://m/{{args.hash}}'}}");
  CHECK(joined(found(inner)).contains("declare \"hash\""));
  CHECK(found(inner + kOuter).empty());  // declared by the one, used by the other
  CHECK(joined(found(kOuter))
            .contains("warning: spec.templates[0].templateName: AnalysisTemplate \"errors\" is in none of the files"));
  const std::string circle =
      analysisTemplate("successCondition: result, provider: {web: {url: 'http://m/{{args.hash}}'}}",
                       "templates: [{templateName: outer}]");
  CHECK(joined(found(circle + kOuter)).contains("the templates go in a circle"));
}

TEST_CASE("a run has a value for each argument") {
  std::string run = analysisTemplate("successCondition: result, provider: {web: {url: 'http://m/{{args.hash}}'}}",
                                     "args: [{name: hash}]");
  run.replace(run.find("AnalysisTemplate"), 16, "AnalysisRun");
  CHECK(joined(found(run)) == "7: error: spec.args[0]: argument \"hash\" was not supplied: give it a value");
}

}  // namespace
}  // namespace towpath::lint
