// Our own kinds, as a user meets them at the API: the rules are api/'s, here is that they are applied and how they are
// told.

#include "harness.h"
#include "json/patch.h"

namespace towpath::apiserver {
namespace {

using cluster::PatchType;

constexpr auto kRollout = R"(
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}
  template:
    metadata: {labels: {app: web}, creationTimestamp: null}
    spec: {containers: [{name: app, image: 'shop:1', resources: {}}]}
)";

TEST_CASE("a sound rollout is taken as it is written") {
  Harness api;
  const auto rollout = api.made(cluster::kRollouts, kRollout);
  CHECK(rollout["spec"]["strategy"]["canary"]["steps"].asArray().size() == 2);
  CHECK(rollout["metadata"]["generation"].asInt() == 1);
  CHECK(rollout["status"].isNull());
}

TEST_CASE("bad rollouts are refused with the field's path, and nothing is stored") {
  const struct {
    const char* what;
    const char* patch;  // merged into the sound one
    const char* field;
  } kCases[] = {
      {"wrong type", "{spec: {replicas: two}}", "spec.replicas"},
      {"weight over 100", "{spec: {strategy: {canary: {steps: [{setWeight: 120}]}}}}",
       "spec.strategy.steps[0].setWeight"},
      {"two strategies", "{spec: {strategy: {blueGreen: {activeService: a}}}}", "spec.strategy.strategy"},
      {"no strategy", "{spec: {strategy: null}}", "spec.strategy.strategy"},
      {"selector misses the template", "{spec: {selector: {matchLabels: {app: other}}}}",
       "spec.template.metadata.labels"},
      {"unknown field in a step", "{spec: {strategy: {canary: {steps: [{setWaight: 20}]}}}}", ""},
  };
  for (const auto& one : kCases) {
    CAPTURE(one.what);
    Harness api;
    Value rollout = json::mergePatch(yaml(kRollout), yaml(one.patch));
    const auto refused = api.run(api.registry.create(api.kind(cluster::kRollouts), "default", std::move(rollout),
                                                     {.field_validation = FieldValidation::kStrict}));
    REQUIRE(!refused);
    CHECK(refused.error().message.find(one.field) != std::string::npos);
    if (refused.error().reason == Reason::kInvalid) CHECK(refused.error().causes.at(0).field == one.field);
    CHECK(api.names(cluster::kRollouts).empty());
  }
}

TEST_CASE("an autoscaler and kubectl scale meet a rollout at its scale subresource") {
  Harness api;
  const Value made = api.made(cluster::kRollouts, kRollout);
  REQUIRE(api.patch(cluster::kRollouts, "web", PatchType::kMerge,
                    "{status: {replicas: 5, HPAReplicas: 3, selector: app=web}}", {.subresource = "status"}));
  const auto scale = api.registry.scaleOf(*api.kind(cluster::kRollouts), "default", "web");
  REQUIRE(scale);
  CHECK((*scale)["spec"]["replicas"].asInt() == 2);
  // Of a blue-green rollout the pods that serve, not those of the preview.
  CHECK((*scale)["status"]["replicas"].asInt() == 3);
  CHECK((*scale)["status"]["selector"].asString() == "app=web");

  REQUIRE(api.patch(cluster::kRollouts, "web", PatchType::kMerge, "{spec: {replicas: 7}}", {.subresource = "scale"}));
  const Value scaled = api.get(cluster::kRollouts, "web");
  CHECK(scaled["spec"]["replicas"].asInt() == 7);
  CHECK(scaled["metadata"]["generation"].asInt() == made["metadata"]["generation"].asInt() + 1);
  CHECK(scaled["spec"]["template"] == made["spec"]["template"]);
  CHECK(scaled["status"]["HPAReplicas"].asInt() == 3);
  CHECK(!api.patch(cluster::kRollouts, "web", PatchType::kMerge, "{spec: {replicas: -1}}", {.subresource = "scale"}));
}

TEST_CASE("a pod template is kept as it is, and counts its changes") {
  Harness api;
  constexpr auto kTemplate = R"(
metadata: {name: web}
template:
  metadata: {labels: {app: web}}
  spec: {containers: [{name: app, image: 'shop:1'}]}
)";
  const Value made = api.made(cluster::kPodTemplates, kTemplate);
  CHECK(made["metadata"]["generation"].asInt() == 1);
  REQUIRE(api.patch(cluster::kPodTemplates, "web", PatchType::kStrategicMerge,
                    "{template: {spec: {containers: [{name: app, image: 'shop:2'}]}}}"));
  const Value changed = api.get(cluster::kPodTemplates, "web");
  CHECK(changed["template"]["spec"]["containers"][0]["image"].asString() == "shop:2");
  CHECK(changed["template"]["metadata"]["labels"]["app"].asString() == "web");
  CHECK(changed["metadata"]["generation"].asInt() == 2);
  CHECK(!api.patch(cluster::kPodTemplates, "web", PatchType::kMerge, "{template: {spec: {containers: []}}}"));
}

TEST_CASE("status is written apart from the spec, field by field") {
  Harness api;
  api.made(cluster::kRollouts, kRollout);
  REQUIRE(api.patch(cluster::kRollouts, "web", PatchType::kMerge,
                    "{status: {abort: true, currentStepIndex: 1}, spec: {replicas: 9}}", {.subresource = "status"}));
  auto rollout = api.get(cluster::kRollouts, "web");
  CHECK(rollout["status"]["abort"].asBool());
  CHECK(rollout["spec"]["replicas"].asInt() == 2);
  CHECK(rollout["metadata"]["generation"].asInt() == 1);
  REQUIRE(
      api.patch(cluster::kRollouts, "web", PatchType::kMerge, "{status: {abort: null}}", {.subresource = "status"}));
  CHECK(api.get(cluster::kRollouts, "web")["status"]["abort"].isNull());
  CHECK(!api.patch(cluster::kRollouts, "web", PatchType::kMerge, "{status: {currentStepIndex: two}}",
                   {.subresource = "status"}));
}

TEST_CASE("an analysis run has no status subresource: its status counts as a change of it") {
  Harness api;
  const auto run = api.made(cluster::kAnalysisRuns, R"({metadata: {name: r}, spec: {metrics: [
      {name: m, successCondition: 'result < 1', provider: {web: {url: 'http://127.0.0.1/'}}}]}})");
  CHECK(run["metadata"]["generation"].asInt() == 1);
  const auto patched = api.patch(cluster::kAnalysisRuns, "r", PatchType::kMerge, "{status: {phase: Running}}");
  REQUIRE_MESSAGE(patched.has_value(), (patched ? "" : patched.error().message));
  CHECK(patched->object->parse()["status"]["phase"].asString() == "Running");
  CHECK(patched->object->meta().generation == 2);
}

TEST_CASE("our definitions are there as objects and cannot be deleted") {
  Harness api;
  CHECK(api.names(cluster::kCustomResourceDefinitions).find("rollouts.argoproj.io") != std::string::npos);
  const auto kind = api.kind(cluster::kCustomResourceDefinitions);
  CHECK(api.run(api.registry.remove(kind, "", "rollouts.argoproj.io")).error().reason == Reason::kForbidden);
}

}  // namespace
}  // namespace towpath::apiserver
