// The rollout controller with its real neighbours: registry, store, caches.

#include "harness.h"

namespace towpath::control {

TEST_CASE("a canary without a router goes 20 %, waits for a person, 50 %, all") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPlainCanary));
  harness.start();
  harness.untilPhase("Healthy");
  CHECK(harness.sizes() == "v1 5");

  harness.setImage("v2");
  harness.untilPhase("Paused");
  CHECK(harness.sizes() == "v1 4, v2 1");

  harness.promote();
  harness.untilPhase("Healthy");
  CHECK(harness.sizes() == "v2 5");
}

TEST_CASE("a canary with a route shifts its weight and gives it back at the end") {
  Harness harness;
  applyRouted(harness);
  harness.start();
  harness.untilPhase("Healthy");

  harness.setImage("v2");
  harness.untilPhase("Paused");
  CHECK(harness.weight() == 20);
  CHECK(harness.served("shop-canary") == "v2");
  CHECK(harness.served("shop-stable") == "v1");
  CHECK(harness.rolloutStatus()["canary"]["weights"]["canary"]["weight"].asInt() == 20);

  harness.promote();
  harness.until("50 %", [&] { return harness.weight() == 50; });
  harness.untilPhase("Healthy");
  CHECK(harness.weight() == 0);
  CHECK(harness.served("shop-stable") == "v2");
}

TEST_CASE("a restart goes around a pod that may not be evicted now, and the rollout goes on meanwhile") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPlainCanary, 3));
  harness.start();
  harness.untilPhase("Healthy");
  const Value set = harness.list(cluster::kReplicaSets)[0];
  for (const char* name : {"a", "b"}) {
    harness.apply(cluster::kPods, fmt::format(R"(
apiVersion: v1
kind: Pod
metadata:
  name: {0}
  namespace: default
  labels: {{app: shop}}
  ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: {1}, uid: {2}, controller: true}}]
spec: {{containers: [{{name: web, image: v1}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "True"}}]}}
)",
                                              name, cluster::nameOf(set), cluster::uidOf(set)));
    harness.patch(cluster::kPods, name, "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}",
                  "status");
  }
  int asked = 0;
  harness.coordinator->api.fail_write = [&asked](const std::string& what) -> std::optional<Error> {
    if (what != "create pods/a") return std::nullopt;
    ++asked;
    return Error{ErrorKind::kTooManyRequests, "it would violate the pod's disruption budget", ""};
  };
  harness.loop.advance(5s);
  harness.patch(cluster::kRollouts, "shop",
                "spec: {replicas: 1, restartAt: '" + formatRfc3339(harness.loop.steadyNow()) + "'}");
  harness.until("the other one is gone", [&] { return harness.get(cluster::kPods, "b").isNull(); });
  CHECK(!harness.get(cluster::kPods, "a").isNull());
  CHECK(asked >= 1);
  const int before = asked;
  harness.settle(25s);
  CHECK(asked - before <= 3);  // each half minute, and no loop

  // A new version is not held up.
  harness.setImage("v2");
  harness.untilPhase("Paused");
  CHECK(!harness.get(cluster::kPods, "a").isNull());
}

TEST_CASE("an abort takes the weight away at once and keeps the stable version") {
  Harness harness;
  applyRouted(harness);
  harness.start();
  harness.untilPhase("Healthy");
  harness.setImage("v2");
  harness.untilPhase("Paused");

  harness.abort();
  harness.untilPhase("Degraded");
  CHECK(harness.weight() == 0);
  CHECK(harness.served("shop-stable") == "v1");
  CHECK(harness.served("shop-canary") == "v1");

  SUBCASE("a retry starts at the first step again") {
    harness.patch(cluster::kRollouts, "shop", "status: {abort: false}", "status");
    harness.untilPhase("Paused");
    CHECK(harness.weight() == 20);
  }
  SUBCASE("back to the old template is healthy") {
    harness.setImage("v1");
    harness.untilPhase("Healthy");
  }
}

TEST_CASE("blue-green waits for the new version and a person, then switches the service") {
  Harness harness;
  harness.apply(cluster::kServices, serviceYaml("active"));
  harness.apply(cluster::kServices, serviceYaml("preview"));
  harness.apply(cluster::kRollouts, rolloutYaml("shop",
                                                "{blueGreen: {activeService: active, previewService: preview, "
                                                "autoPromotionEnabled: false}}",
                                                2));
  harness.start();
  harness.untilPhase("Healthy");
  CHECK(harness.served("active") == "v1");

  harness.setImage("v2");
  harness.untilPhase("Paused");
  CHECK(harness.served("active") == "v1");
  CHECK(harness.served("preview") == "v2");
  CHECK(harness.sizes() == "v1 2, v2 2");

  harness.promote();
  harness.untilPhase("Healthy");
  CHECK(harness.served("active") == "v2");
  harness.settle(40s);
  CHECK(harness.sizes() == "v2 2");
}

TEST_CASE("a version that never gets ready gets no traffic and does not hurt the old one") {
  Harness harness;
  applyRouted(harness);
  harness.start();
  harness.untilPhase("Healthy");
  harness.setImage("broken");
  harness.settle(20s);
  CHECK(harness.weight() == 0);
  CHECK(harness.served("shop-canary") == "v1");
  CHECK(harness.phase() == "Progressing");
}

TEST_CASE("a settled world writes nothing, and neither does a new coordinator that finds it") {
  Harness harness;
  applyRouted(harness);
  harness.start();
  harness.untilPhase("Healthy");
  harness.settle(40s);

  harness.coordinator->api.log.clear();
  harness.settle(30min);
  CHECK(harness.coordinator->api.log == std::vector<std::string>{});

  harness.crash();
  harness.start();
  harness.settle(5s);
  CHECK(harness.coordinator->api.log == std::vector<std::string>{});
}

TEST_CASE("two rollouts do not touch each other") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPlainCanary));
  harness.apply(cluster::kRollouts, rolloutYaml("other", kPlainCanary, 3));
  harness.start();
  harness.untilPhase("Healthy");
  harness.untilPhase("Healthy", "other");
  const std::string before = json::serialize(harness.get(cluster::kRollouts, "other"));
  harness.setImage("v2");
  harness.untilPhase("Paused");
  CHECK(json::serialize(harness.get(cluster::kRollouts, "other")) == before);
}

TEST_CASE("an invalid rollout says so, and goes on when what it lacks is there") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kRoutedCanary));
  harness.start();
  harness.untilPhase("Degraded");
  CHECK(harness.rolloutStatus()["message"].asString().find("service \"shop-stable\" not found") != std::string::npos);
  CHECK(harness.list(cluster::kReplicaSets).empty());
  harness.apply(cluster::kServices, serviceYaml("shop-stable"));
  harness.apply(cluster::kServices, serviceYaml("shop-canary"));
  harness.apply(cluster::kHttpRoutes, kRouteYaml);
  harness.untilPhase("Healthy");
}

TEST_CASE("weights count as live only when the nodes say so") {
  Harness harness;
  harness.reports = traffic::RouteReports::kExpected;
  applyRouted(harness,
              "{canary: {stableService: shop-stable, canaryService: shop-canary,"
              " trafficRouting: {plugins: {towpath/gatewayAPI: {httpRoute: shop}}},"
              " steps: [{setWeight: 20}, {setWeight: 50}, {pause: {}}]}}");
  harness.start();
  harness.untilPhase("Healthy");
  harness.setImage("v2");
  harness.until("20 %", [&] { return harness.weight() == 20; });
  harness.settle(30s);
  CHECK(harness.weight() == 20);
  CHECK(harness.rolloutStatus()["currentStepIndex"].asInt() == 0);

  const auto report = [&harness](double share) {
    const std::int64_t generation = harness.get(cluster::kHttpRoutes, "shop")["metadata"]["generation"].asInt();
    harness.patch(cluster::kHttpRoutes, "shop",
                  fmt::format("status: {{parents: [], towpath: {{nodes: [{{node: n1, generation: {}, weights: "
                              "[{{service: shop-canary, share: {}}}]}}]}}}}",
                              generation, share),
                  "status");
  };
  report(0.2);
  harness.until("50 %", [&] { return harness.weight() == 50; });
  report(0.5);
  harness.untilPhase("Paused");
}

TEST_CASE("services get their own selector back when the rollout no longer uses them, or is gone") {
  Harness harness;
  applyRouted(harness);
  harness.start();
  harness.untilPhase("Healthy");
  REQUIRE(harness.served("shop-canary") == "v1");
  SUBCASE("another strategy") {
    harness.apply(cluster::kServices, serviceYaml("active"));
    harness.patch(cluster::kRollouts, "shop", "spec: {strategy: {canary: null, blueGreen: {activeService: active}}}");
    harness.until("active", [&] { return harness.served("active") == "v1"; });
  }
  SUBCASE("a deleted rollout") {
    REQUIRE(harness.run(harness.api.remove(cluster::kRollouts, "default", "shop")).has_value());
    harness.settle();
  }
  const Value service = harness.get(cluster::kServices, "shop-canary");
  CHECK(service["spec"]["selector"] == yaml("{app: shop}"));
  CHECK(service["metadata"]["annotations"]["argo-rollouts.argoproj.io/managed-by-rollouts"].isNull());
}

TEST_CASE("a ReplicaSet that lost its owner is adopted, one with another's name is not touched") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPlainCanary));
  harness.start();
  harness.untilPhase("Healthy");
  const std::string name(cluster::nameOf(harness.list(cluster::kReplicaSets)[0]));
  harness.patch(cluster::kReplicaSets, name, "metadata: {ownerReferences: null}");
  harness.settle();
  const Value set = harness.get(cluster::kReplicaSets, name);
  CHECK(set["metadata"]["ownerReferences"][0]["name"].asString() == "shop");
  CHECK(harness.list(cluster::kReplicaSets).size() == 1);
}

}  // namespace towpath::control
