// Canary steps beyond weights and pauses, with the registry, the store and the caches.

#include "harness.h"

namespace towpath::control {
namespace {

constexpr const char* kHeaderCanary =
    "{canary: {stableService: shop-stable, canaryService: shop-canary, trafficRouting: {managedRoutes: [{name: beta}],"
    " plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}, steps: [{setCanaryScale: {weight: 20}},"
    " {setHeaderRoute: {name: beta, match: [{headerName: X-Beta, headerValue: {exact: 'yes'}}]}}, {pause: {}},"
    " {setWeight: 50}]}}";

std::string rules(Harness& harness) {
  std::string text;
  for (const Value& rule : harness.get(cluster::kHttpRoutes, "shop")["spec"]["rules"].asArray())
    text += rule["name"].asString("-") + " ";
  return text;
}

void untilBeta(Harness& harness) {
  applyRouted(harness, kHeaderCanary);
  harness.start();
  harness.untilPhase("Healthy");
  harness.setImage("v2");
  harness.untilPhase("Paused");
  REQUIRE(rules(harness) == "- beta ");
}

}  // namespace

TEST_CASE("a header route is a rule of the HTTPRoute until the end of the rollout") {
  Harness harness;
  untilBeta(harness);
  CHECK(harness.weight() == 0);
  const Value rule = harness.get(cluster::kHttpRoutes, "shop")["spec"]["rules"][1];
  CHECK(rule["matches"][0]["headers"][0]["value"].asString() == "yes");
  CHECK(rule["backendRefs"][0]["name"].asString() == "shop-canary");
  CHECK(rule["backendRefs"][0]["port"].asInt() == 80);
  harness.promote();
  harness.untilPhase("Healthy");
  CHECK(rules(harness) == "- ");
}

TEST_CASE("a header route that somebody takes away comes back, also when the coordinator starts again") {
  Harness harness;
  untilBeta(harness);
  SUBCASE("while it runs") {}
  SUBCASE("while it does not") { harness.crash(); }
  Value route = yaml(kRouteYaml);
  harness.patch(cluster::kHttpRoutes, "shop", json::serialize(Object{{"spec", route["spec"]}}));
  if (!harness.coordinator) harness.start();
  harness.until("the route has the rule", [&] { return rules(harness) == "- beta "; });
  CHECK(harness.phase() == "Paused");
}

TEST_CASE("an abort takes the header route away, a retry sets it again") {
  Harness harness;
  untilBeta(harness);
  harness.abort();
  harness.untilPhase("Degraded");
  CHECK(rules(harness) == "- ");
  harness.patch(cluster::kRollouts, "shop", "status: {abort: false}", "status");
  harness.untilPhase("Paused");
  CHECK(rules(harness) == "- beta ");
}

TEST_CASE("a mirror route on nodes whose proxies cannot mirror is refused with router and step") {
  Harness harness;
  harness.reports = traffic::RouteReports::kExpected;
  applyRouted(
      harness,
      "{canary: {stableService: shop-stable, canaryService: shop-canary, trafficRouting: {managedRoutes: [{name: m}],"
      " plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}, steps: [{setWeight: 20},"
      " {setMirrorRoute: {name: m, match: [{method: {exact: GET}}]}}, {pause: {}}]}}");
  harness.start();
  harness.untilPhase("Degraded");
  const std::string message = harness.rolloutStatus()["message"].asString();
  CHECK(message.find("spec.strategy.canary.steps[1]") != std::string::npos);
  CHECK(message.find("plugins/argoproj-labs/gatewayAPI cannot do this step") != std::string::npos);
}

}  // namespace towpath::control
