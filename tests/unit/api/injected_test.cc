// Templates compared past injections and defaults, and the injections themselves (core-semantics 2.2, 2.9, 2.10).
#include <doctest/doctest.h>

#include "api/extensions.h"
#include "api/injected.h"
#include "api/template_defaults.h"
#include "api/template_hash.h"
#include "json/patch.h"
#include "json/yaml.h"

namespace towpath::api {
namespace {

Value yaml(std::string_view text) {
  auto value = json::parseYamlDocument(text);
  REQUIRE_MESSAGE(value.has_value(), (value ? "" : value.error().message));
  return std::move(*value);
}

constexpr const char* kWritten = R"(
metadata: {labels: {app: shop}}
spec:
  serviceAccount: clerk
  containers:
  - name: web
    image: registry.local:5000/shop:1.2
    ports: [{containerPort: 80}]
    resources: {limits: {cpu: 0.5, memory: 1Gi}}
    env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
    readinessProbe: {httpGet: {port: 80}}
    lifecycle: {preStop: {httpGet: {port: 80, path: /stop}}}
  - {name: side, image: sidecar}
  volumes:
  - {name: scratch}
  - {name: config, configMap: {name: shop}}
)";

// As an API server stores it in a ReplicaSet.
constexpr const char* kStored = R"(
metadata: {labels: {app: shop, rollouts-pod-template-hash: abc}, creationTimestamp: null}
spec:
  dnsPolicy: ClusterFirst
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  terminationGracePeriodSeconds: 30
  serviceAccount: clerk
  serviceAccountName: clerk
  containers:
  - name: web
    image: registry.local:5000/shop:1.2
    imagePullPolicy: IfNotPresent
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
    ports: [{containerPort: 80, protocol: TCP}]
    resources: {limits: {cpu: 500m, memory: 1Gi}}
    env: [{name: IP, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: status.podIP}}}]
    readinessProbe: {failureThreshold: 3, httpGet: {path: /, port: 80, scheme: HTTP}, periodSeconds: 10,
                     successThreshold: 1, timeoutSeconds: 1}
    lifecycle: {preStop: {httpGet: {port: 80, path: /stop, scheme: HTTP}}}
  - {name: side, image: sidecar, imagePullPolicy: Always, resources: {}, terminationMessagePath: /dev/termination-log,
     terminationMessagePolicy: File}
  volumes:
  - {name: scratch, emptyDir: {}}
  - {name: config, configMap: {name: shop, defaultMode: 420}}
)";

Value replicaSet(const Value& pod_template, const std::string& recorded = "") {
  Value set;
  set["spec"]["template"] = pod_template;
  if (!recorded.empty()) set["metadata"]["annotations"]["rollout.argoproj.io/ephemeral-metadata"] = recorded;
  return set;
}

}  // namespace

TEST_CASE("a template and what an API server made of it are the same") {
  CHECK(sameTemplate(yaml(kWritten), replicaSet(yaml(kStored))));
  CHECK(sameTemplate(yaml(kWritten), replicaSet(yaml(kWritten))));
}

TEST_CASE("defaults do not hide a difference") {
  for (const char* change :
       {"{spec: {restartPolicy: Never}}", "{spec: {terminationGracePeriodSeconds: 5}}", "{spec: {hostNetwork: true}}",
        "{metadata: {labels: {tier: front}}}", "{spec: {containers: [{name: web, image: other}]}}",
        "{spec: {serviceAccountName: boss}}"}) {
    CAPTURE(change);
    const auto changed = json::strategicMergePatch(yaml(kWritten), yaml(change), "PodTemplate");
    REQUIRE(changed);
    CHECK(!sameTemplate(*changed, replicaSet(yaml(kStored))));
  }
}

TEST_CASE("defaults are idempotent and pull policies follow the tag") {
  const std::pair<const char*, const char*> kPolicies[] = {
      {"nginx", "Always"},       {"nginx:latest", "Always"},          {"nginx:1.25", "IfNotPresent"},
      {"host:5000/a", "Always"}, {"host:5000/a:1.0", "IfNotPresent"}, {"nginx@sha256:00", "IfNotPresent"},
  };
  for (const auto& [image, policy] : kPolicies) {
    CAPTURE(image);
    Value pod_template;
    pod_template["spec"]["containers"] = Array{Object{{"name", "a"}, {"image", image}}};
    applyTemplateDefaults(pod_template);
    CHECK(pod_template["spec"]["containers"].asArray()[0]["imagePullPolicy"].asStringView() == policy);
    Value again = pod_template;
    applyTemplateDefaults(again);
    CHECK(again == pod_template);
  }
}

TEST_CASE("injected metadata is put in, told apart, and taken away again") {
  const model::ObjectMetadata canary{{{"role", "canary"}}, {{"note", "new"}}};
  Value pod_template = yaml(kWritten);
  CHECK(injectMetadata(pod_template["metadata"], canary, {}));
  CHECK(!injectMetadata(pod_template["metadata"], canary, {}));
  const std::string recorded = metadataText(canary);
  CHECK(recorded == R"({"labels":{"role":"canary"},"annotations":{"note":"new"}})");
  CHECK(recordedMetadata(replicaSet(pod_template, recorded)) == canary);
  CHECK(sameTemplate(yaml(kWritten), replicaSet(pod_template, recorded)));
  CHECK(!sameTemplate(yaml(kWritten), replicaSet(pod_template)));

  InjectedKeys keys;
  addKeys(keys, canary);
  Value pod =
      yaml("{labels: {app: shop, role: canary, rollouts-pod-template-hash: abc, mine: x}, annotations: {note: new}}");
  CHECK(injectMetadata(pod, {{{"role", "stable"}}, {}}, keys));
  CHECK(pod["labels"] == yaml("{app: shop, role: stable, rollouts-pod-template-hash: abc, mine: x}"));
  CHECK(pod["annotations"].asObject().empty());
  // What the template has itself stays.
  Value kept = yaml("{labels: {role: own}}");
  CHECK(!injectMetadata(kept, {}, keys, yaml("{labels: {role: own}}")));
}

TEST_CASE("the anti-affinity term stands beside the user's terms and goes without a trace") {
  const Value plain = yaml(kWritten);
  for (const std::optional<std::int32_t> weight : {std::optional<std::int32_t>(), std::optional<std::int32_t>(7)}) {
    Value injected = plain;
    setRepelledHash(injected, "v1", model::AntiAffinity{weight}, "default");
    CHECK(repelledHash(injected) == "v1");
    const Value& rules = injected.at({"spec", "affinity", "podAntiAffinity"});
    const Value& entry = weight ? rules["preferredDuringSchedulingIgnoredDuringExecution"].asArray()[0]
                                : rules["requiredDuringSchedulingIgnoredDuringExecution"].asArray()[0];
    const Value& term = weight ? entry["podAffinityTerm"] : entry;
    CHECK(term["topologyKey"].asStringView() == "kubernetes.io/hostname");
    CHECK(term["namespaces"] == yaml("[default]"));
    CHECK(term["labelSelector"]["matchExpressions"] ==
          yaml("[{key: rollouts-pod-template-hash, operator: In, values: [v1]}]"));
    CHECK(sameTemplate(plain, replicaSet(injected)));
    setRepelledHash(injected, "v2", model::AntiAffinity{weight}, "default");
    CHECK(repelledHash(injected) == "v2");
    setRepelledHash(injected, "", std::nullopt, "default");
    CHECK(injected == plain);
  }
  Value with_own = plain;
  with_own["spec"]["affinity"] = yaml(
      "{podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, labelSelector: "
      "{matchLabels: {app: shop}}}]}}");
  Value injected = with_own;
  setRepelledHash(injected, "v1", model::AntiAffinity{}, "default");
  CHECK(injected.at({"spec", "affinity", "podAntiAffinity"})["requiredDuringSchedulingIgnoredDuringExecution"]
            .asArray()
            .size() == 2);
  CHECK(templateWithoutInjections(replicaSet(injected)) == with_own);
}

TEST_CASE("switches: an unknown value is refused with the ones that are known") {
  const Value rollout = yaml("{metadata: {annotations: {towpath.dev/on-new-version: wait}}}");
  FieldErrors errors;
  validateExtensions(rollout, errors);
  REQUIRE(errors.size() == 1);
  CHECK(describe(errors[0]) ==
        "metadata.annotations[towpath.dev/on-new-version]: Unsupported value: \"wait\": supported values: \"replace\", "
        "\"queue\", \"reject\"");
}

TEST_CASE("on-new-version: reject refuses a third template, and only while an update is in progress") {
  Value old = yaml(
      "{metadata: {annotations: {towpath.dev/on-new-version: reject}}, spec: {template: {spec: {containers: [{name: a, "
      "image: v2}]}}}, status: {currentPodHash: two, stableRS: one}}");
  Value next = old;
  next["spec"]["template"]["spec"]["containers"] = yaml("[{name: a, image: v3}]");
  std::string older;  // than the stable version
  const auto refused = [&older](const Value& before, const Value& after) {
    FieldErrors errors;
    validateNewVersion(
        before, after, [&older](const std::string& hash, const std::string&) { return hash == older; }, errors);
    return !errors.empty();
  };
  CHECK(refused(old, next));
  Value other = old;
  other["spec"]["replicas"] = 7;
  CHECK(!refused(old, other));

  Value back = old;
  back["status"]["stableRS"] = podTemplateHash(next["spec"]["template"]);
  CHECK(!refused(back, next));
  older = podTemplateHash(next["spec"]["template"]);
  CHECK(!refused(old, next));
  older.clear();
  Value aborted = old;
  aborted["status"]["abort"] = true;
  CHECK(!refused(aborted, next));
  Value promoted = old;
  promoted["status"]["stableRS"] = "two";
  CHECK(!refused(promoted, next));
  Value relaxed = next;
  relaxed["metadata"]["annotations"]["towpath.dev/on-new-version"] = "replace";
  CHECK(!refused(old, relaxed));
}

}  // namespace towpath::api
