#include "lint/lint.h"

#include <doctest/doctest.h>

#include "found.h"

namespace towpath::lint {
namespace {

using examples::found;
using examples::joined;
using examples::rollout;
using examples::service;

TEST_CASE("a sound Rollout has no findings") { CHECK(found(rollout("{canary: {steps: [{setWeight: 20}]}}")).empty()); }

TEST_CASE("an unknown field is found where it stands, with what was probably meant") {
  CHECK(
      found(rollout("\n    canary:\n      steps:\n        - setWeigth: 20")) ==
      std::vector<std::string>{
          "12: error: spec.strategy.canary.steps[0].setWeigth: unknown field: did you mean \"setWeight\"?",
          "12: error: spec.strategy.steps[0]: Invalid value: \"step.Experiment: true step.Pause: true step.SetWeight: "
          "true step.Analysis: true step.SetCanaryScale: true step.SetHeaderRoute: true step.SetMirrorRoute: true "
          "step.Plugin: true\": Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin "
          "or pause"});
  CHECK(joined(found(rollout("{canary: {}}", "colour: red"))).contains("spec.colour: unknown field: known here are "));
}

TEST_CASE("types and rules are told with the line of the field") {
  const std::vector<std::string> lines = found(rollout("{canary: {}}", "minReadySeconds: soon\n  replicas: -1"));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].starts_with("10: error: spec.minReadySeconds: Invalid value"));
  CHECK(lines[1] == "11: error: spec.replicas: Invalid value: -1: must be greater than or equal to 0");
}

TEST_CASE("all that is wrong is told, not only the first") {
  const std::string all = joined(found(rollout("{canary: {steps: [{setWeight: 120}, {pause: {duration: soon}}]}}",
                                               "replicas: -1\n  progressDeadlineSeconds: -1")));
  CHECK(all.contains("spec.replicas"));
  CHECK(all.contains("spec.progressDeadlineSeconds"));
  CHECK(all.contains("SetWeight needs to be between 0 and 100"));
  CHECK(all.contains("spec.strategy.steps[1].pause.duration"));
}

TEST_CASE("what is no object, or lacks what every object has") {
  CHECK(found("[1, 2]") ==
        std::vector<std::string>{"1: error: : an object is wanted, with apiVersion, kind and metadata"});
  CHECK(joined(found("kind: Rollout\nmetadata: {name: a}")).contains("apiVersion: Required value"));
  CHECK(joined(found("apiVersion: apps/v1\nkind: Rollout\nmetadata: {name: a}"))
            .contains("1: error: apiVersion: a Rollout is of \"argoproj.io/v1alpha1\""));
  CHECK(joined(found("apiVersion: argoproj.io/v1alpha1\nkind: Rolout\nmetadata: {name: a}"))
            .contains("2: warning: kind"));
  CHECK(found("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}").empty());
  CHECK(found("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}").empty());
}

TEST_CASE("an object that is given twice is told with the other place") {
  CHECK(found(service("shop") + service("shop")) ==
        std::vector<std::string>{"9: error: metadata.name: is given twice: a.yaml:2 has it as well"});
}

TEST_CASE("the items of a List are objects with lines of their own") {
  const std::string list =
      "apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: Service\n    metadata: {name: a}\n"
      "    spec:\n      ports:\n        - port: 0\n";
  CHECK(found(list) ==
        std::vector<std::string>{"9: error: spec.ports[0].port: must be between 1 and 65535, inclusive"});
}

TEST_CASE("a finding is one line with file, line, object and field") {
  const Finding finding{Severity::kError, "shop.yaml", 12, "Rollout", "shop", "spec.replicas", "Invalid value: -1"};
  CHECK(toString(finding) == "shop.yaml:12: error: Rollout \"shop\": spec.replicas: Invalid value: -1");
}

}  // namespace
}  // namespace towpath::lint
