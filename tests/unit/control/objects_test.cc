// ReplicaSets that others made, workloads that Rollouts refer to, services that take turns, metadata of running pods.

#include "harness.h"

namespace towpath::control {
namespace {

// A ReplicaSet of the Rollout `shop` as another controller left it.
void applyForeignSet(Harness& harness, const std::string& hash, const std::string& pod_spec) {
  const std::string uid(cluster::uidOf(harness.get(cluster::kRollouts, "shop")));
  harness.apply(cluster::kReplicaSets, fmt::format(R"(
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: shop-{0}
  namespace: default
  labels: {{app: shop, rollouts-pod-template-hash: {0}}}
  annotations: {{rollout.argoproj.io/revision: "3", rollout.argoproj.io/desired-replicas: "5"}}
  ownerReferences: [{{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: shop, uid: {1}, controller: true}}]
spec:
  replicas: 5
  selector: {{matchLabels: {{app: shop, rollouts-pod-template-hash: {0}}}}}
  template:
    metadata: {{labels: {{app: shop, rollouts-pod-template-hash: {0}}}}}
    spec: {2}
)",
                                                   hash, uid, pod_spec));
}

constexpr const char* kDefaulted =
    "{restartPolicy: Always, dnsPolicy: ClusterFirst, schedulerName: default-scheduler, securityContext: {}, "
    "terminationGracePeriodSeconds: 30, containers: [{name: web, image: v1, imagePullPolicy: Always, resources: {}, "
    "terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}]}";

std::size_t creations(Harness& harness) {
  const auto& log = harness.coordinator->api.log;
  return static_cast<std::size_t>(
      std::ranges::count_if(log, [](const std::string& line) { return line.starts_with("create replicasets/"); }));
}

constexpr const char* kReferring = R"(
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop, namespace: default}
spec:
  replicas: 3
  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: shop, scaleDown: onsuccess}
  strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}
)";

constexpr const char* kDeployment = R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: default}
spec:
  replicas: 3
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: web, image: v1}]}
)";

// It has no selector: the Rollout needs one of its own.
constexpr const char* kPodTemplate = R"(
apiVersion: v1
kind: PodTemplate
metadata: {name: shop, namespace: default}
template:
  metadata: {labels: {app: shop}}
  spec: {containers: [{name: web, image: v1}]}
)";

}  // namespace

TEST_CASE("taking over: a ReplicaSet with another hash and a defaulted template is recognised, not made again") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPlainCanary));
  applyForeignSet(harness, "5f8d7c9b6d", kDefaulted);
  harness.kubelet();
  harness.start();
  harness.untilPhase("Healthy");
  CHECK(creations(harness) == 0);
  CHECK(harness.list(cluster::kReplicaSets).size() == 1);
  CHECK(harness.rolloutStatus()["currentPodHash"].asStringView() == "5f8d7c9b6d");
  CHECK(harness.rolloutStatus()["stableRS"].asStringView() == "5f8d7c9b6d");
}

TEST_CASE("taking over: what a webhook changed in a ReplicaSet starts no update while nobody edits the Rollout") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPlainCanary));
  applyForeignSet(harness, "5f8d7c9b6d",
                  "{containers: [{name: web, image: v1}, {name: injected, image: sidecar}], priorityClassName: high}");
  harness.patch(cluster::kRollouts, "shop",
                "status: {observedGeneration: '1', currentPodHash: 5f8d7c9b6d, stableRS: 5f8d7c9b6d, "
                "currentStepHash: foreign, currentStepIndex: 3}",
                "status");
  harness.kubelet();
  harness.start();
  harness.untilPhase("Healthy");
  CHECK(creations(harness) == 0);

  harness.setImage("v2");
  harness.untilPhase("Paused");
  CHECK(creations(harness) == 1);
  CHECK(harness.rolloutStatus()["stableRS"].asStringView() == "5f8d7c9b6d");
}

TEST_CASE("a ReplicaSet of that name with another owner makes the collision count go up, and the rollout go on") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPlainCanary));
  const Value rollout = harness.get(cluster::kRollouts, "shop");
  const std::string hash = peerFacts().template_hash(rollout["spec"]["template"], std::nullopt);
  harness.apply(cluster::kReplicaSets, fmt::format(R"(
apiVersion: apps/v1
kind: ReplicaSet
metadata: {{name: shop-{0}, namespace: default}}
spec:
  selector: {{matchLabels: {{other: thing}}}}
  template: {{metadata: {{labels: {{other: thing}}}}, spec: {{containers: [{{name: a, image: b}}]}}}}
)",
                                                   hash));
  harness.start();
  harness.untilPhase("Healthy");
  CHECK(harness.rolloutStatus()["collisionCount"].asInt() == 1);
  CHECK(harness.rolloutStatus()["currentPodHash"].asStringView() ==
        peerFacts().template_hash(rollout["spec"]["template"], 1));
}

TEST_CASE("workloadRef: the template of a Deployment is rolled out, its changes too, and it makes room") {
  Harness harness;
  harness.apply(cluster::kDeployments, kDeployment);
  harness.apply(cluster::kRollouts, kReferring);
  harness.start();
  harness.untilPhase("Healthy");
  CHECK(harness.sizes() == "v1 3");
  const Value stored = harness.get(cluster::kRollouts, "shop");
  CHECK(stored["spec"]["template"].isNull());
  CHECK(stored["spec"]["selector"].isNull());
  const Value& generation = stored["metadata"]["annotations"]["rollout.argoproj.io/workload-generation"];
  CHECK(stored["status"]["workloadObservedGeneration"] == generation);
  CHECK(stored["status"]["selector"].asStringView() == "app=shop");
  harness.until("the Deployment is down",
                [&] { return harness.get(cluster::kDeployments, "shop")["spec"]["replicas"].asInt() == 0; });

  harness.patch(cluster::kDeployments, "shop", "spec: {template: {spec: {containers: [{name: web, image: v2}]}}}");
  harness.untilPhase("Paused");
  CHECK(harness.sizes() == "v1 2, v2 2");
  harness.promote();
  harness.untilPhase("Healthy");
  CHECK(harness.sizes() == "v2 3");

  harness.settle(40s);
  harness.coordinator->api.log.clear();
  harness.settle(30min);
  CHECK(harness.coordinator->api.log == std::vector<std::string>{});
}

TEST_CASE("workloadRef: a template that changes while a version is being made gets no ReplicaSet by the other's name") {
  Harness harness;
  harness.apply(cluster::kDeployments, kDeployment);
  harness.apply(cluster::kRollouts, kReferring);
  harness.start();
  harness.untilPhase("Healthy");
  harness.settle(40s);

  bool changed = false;
  harness.coordinator->api.before_write = [&](const std::string& what) -> loop::Task<void> {
    if (what != "patch rollouts/shop" || std::exchange(changed, true)) co_return;
    Value patch = yaml("spec: {template: {spec: {containers: [{name: web, image: v1}]}}}");
    const auto done = co_await harness.api.patch(cluster::kDeployments, "default", "shop", cluster::PatchType::kMerge,
                                                 std::move(patch), {});
    REQUIRE(done.has_value());
    co_await loop::sleep(harness.loop, 10ms);
  };
  harness.patch(cluster::kDeployments, "shop", "spec: {template: {spec: {containers: [{name: web, image: v2}]}}}");
  harness.settle(10s);
  REQUIRE(changed);
  harness.untilPhase("Healthy");
  for (const Value& set : harness.list(cluster::kReplicaSets)) {
    CAPTURE(set["metadata"]["name"].asString());
    Value plain = set["spec"]["template"];
    plain.eraseAt({"metadata", "labels", "rollouts-pod-template-hash"});
    CHECK(set["metadata"]["labels"]["rollouts-pod-template-hash"].asStringView() ==
          peerFacts().template_hash(plain, std::nullopt));
  }
}

TEST_CASE("workloadRef: what is missing or can't be referred to is said, and mended by its coming") {
  Harness harness;
  harness.apply(cluster::kRollouts, kReferring);
  harness.start();
  harness.untilPhase("Degraded");
  CHECK(harness.rolloutStatus()["message"].asStringView() ==
        "InvalidSpec: The Rollout \"shop\" is invalid: deployments.apps \"shop\" not found");
  harness.apply(cluster::kDeployments, kDeployment);
  harness.untilPhase("Healthy");

  harness.patch(cluster::kRollouts, "shop", "spec: {workloadRef: {kind: DaemonSet}}");
  harness.untilPhase("Degraded");
  CHECK(harness.rolloutStatus()["message"].asString().find("apps/v1/DaemonSet is not supported") != std::string::npos);
  CHECK(harness.sizes() == "v1 3");
  harness.patch(cluster::kRollouts, "shop",
                "spec: {selector: {matchLabels: {app: shop}}, workloadRef: {apiVersion: v1, kind: PodTemplate}}");
  harness.until("the missing one is named", [&] {
    return harness.rolloutStatus()["message"].asString().find("podtemplates \"shop\" not found") != std::string::npos;
  });
  harness.apply(cluster::kPodTemplates, kPodTemplate);
  harness.untilPhase("Healthy");
  CHECK(harness.sizes() == "v1 3");
}

TEST_CASE("ping-pong over a route: weights go to the service in turn, and no selector moves at promotion") {
  Harness harness;
  for (const char* name : {"shop-ping", "shop-pong"}) harness.apply(cluster::kServices, serviceYaml(name));
  std::string route = kRouteYaml;
  route.replace(route.find("shop-stable"), 11, "shop-ping");
  route.replace(route.find("shop-canary"), 11, "shop-pong");
  harness.apply(cluster::kHttpRoutes, route);
  harness.apply(
      cluster::kRollouts,
      rolloutYaml("shop",
                  "{canary: {pingPong: {pingService: shop-ping, pongService: shop-pong}, trafficRouting: "
                  "{plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}, steps: [{setWeight: 20}, {pause: "
                  "{}}]}}"));
  const auto weightOf = [&](const char* service) -> std::int64_t {
    const Value found = harness.get(cluster::kHttpRoutes, "shop");
    for (const Value& backend : found["spec"]["rules"][std::size_t{0}]["backendRefs"].asArray()) {
      if (backend["name"].asStringView() == service) return backend["weight"].asInt();
    }
    return -1;
  };
  harness.start();
  harness.untilPhase("Healthy");
  CHECK(harness.served("shop-ping") == "v1");
  harness.setImage("v2");
  harness.untilPhase("Paused");
  CHECK(weightOf("shop-ping") == 80);
  CHECK(weightOf("shop-pong") == 20);
  CHECK(harness.served("shop-pong") == "v2");

  harness.promote();
  harness.untilPhase("Healthy");
  harness.settle(40s);
  CHECK(weightOf("shop-ping") == 0);
  CHECK(weightOf("shop-pong") == 100);
  CHECK(harness.served("shop-pong") == "v2");
  CHECK(harness.sizes() == "v2 5");
}

TEST_CASE("metadata: running pods are labelled by the part that their version plays, the rest of them is left alone") {
  Harness harness;
  harness.apply(
      cluster::kRollouts,
      rolloutYaml("shop",
                  "{canary: {stableMetadata: {labels: {role: stable}}, canaryMetadata: {labels: {role: canary}, "
                  "annotations: {note: new}}, steps: [{setWeight: 20}, {pause: {}}]}}"));
  harness.start();
  harness.untilPhase("Healthy");
  const auto addPod = [&](const std::string& image, const std::string& name) {
    for (const Value& set : harness.list(cluster::kReplicaSets)) {
      if (set.at({"spec", "template", "spec"})["containers"][std::size_t{0}]["image"].asStringView() != image) continue;
      Value pod = yaml(fmt::format("apiVersion: v1\nkind: Pod\nmetadata: {{name: {}, namespace: default}}", name));
      pod["metadata"]["labels"] = set["spec"]["template"]["metadata"]["labels"];
      pod["metadata"]["labels"]["mine"] = "kept";
      pod["metadata"]["ownerReferences"] =
          yaml(fmt::format("[{{apiVersion: apps/v1, kind: ReplicaSet, name: {}, uid: {}, controller: true}}]",
                           cluster::nameOf(set), cluster::uidOf(set)));
      pod["spec"] = yaml(fmt::format("{{containers: [{{name: web, image: {}}}]}}", image));
      REQUIRE(harness.run(harness.api.create(cluster::kPods, std::move(pod))));
    }
  };
  const auto role = [&](const std::string& pod) {
    return harness.get(cluster::kPods, pod)["metadata"]["labels"]["role"].asString();
  };
  addPod("v1", "one");
  CHECK(role("one") == "stable");
  harness.setImage("v2");
  harness.untilPhase("Paused");
  addPod("v2", "two");
  CHECK(role("two") == "canary");
  CHECK(creations(harness) == 2);

  harness.promote();
  harness.untilPhase("Healthy");
  harness.settle(15s);
  CHECK(role("two") == "stable");
  const Value pod = harness.get(cluster::kPods, "two");
  CHECK(pod["metadata"]["annotations"]["note"].isNull());
  CHECK(pod["metadata"]["labels"]["mine"].asStringView() == "kept");
  CHECK(creations(harness) == 2);
}

TEST_CASE("on-new-version: reject is refused where it is written, and a queued template waits") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPlainCanary));
  harness.start();
  harness.untilPhase("Healthy");
  harness.setImage("v2");
  harness.untilPhase("Paused");
  const auto write = [&](const std::string& policy, const std::string& image) {
    return harness.run(harness.api.patch(
        cluster::kRollouts, "default", "shop", cluster::PatchType::kMerge,
        yaml(fmt::format("{{metadata: {{annotations: {{towpath.dev/on-new-version: {}}}}}, spec: {{template: {{spec: "
                         "{{containers: [{{name: web, image: {}}}]}}}}}}}}",
                         policy, image))));
  };
  const auto refused = write("reject", "v3");
  REQUIRE(!refused);
  CHECK(describe(refused.error()).find("an update to") != std::string::npos);

  REQUIRE(write("queue", "v3"));
  harness.settle(5s);
  CHECK(harness.sizes() == "v1 4, v2 1");
  CHECK(creations(harness) == 2);
  harness.promote();
  harness.until("v3 is under way", [&] { return harness.sizes().find("v3") != std::string::npos; });
}

TEST_CASE("on-new-version: reject lets the way back to an older version in") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", "{canary: {}}"));
  harness.start();
  harness.untilPhase("Healthy");
  harness.settle(2s);
  harness.setImage("v2");
  harness.untilPhase("Healthy");
  const auto write = [&](const std::string& text) {
    return harness.run(
        harness.api.patch(cluster::kRollouts, "default", "shop", cluster::PatchType::kMerge, yaml(text)));
  };
  const auto setImage = [&](const std::string& image) {
    return write("{spec: {template: {spec: {containers: [{name: web, image: " + image + "}]}}}}");
  };
  REQUIRE(write("{metadata: {annotations: {towpath.dev/on-new-version: reject}}, spec: {minReadySeconds: 500}}"));
  REQUIRE(setImage("v3"));
  harness.until("v3 is under way", [&] { return harness.sizes().find("v3") != std::string::npos; });
  const auto refused = setImage("v4");
  REQUIRE(!refused);
  CHECK(describe(refused.error()).find("an update to") != std::string::npos);
  CHECK(setImage("v1"));
}

}  // namespace towpath::control
