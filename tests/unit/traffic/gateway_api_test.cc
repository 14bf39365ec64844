#include "traffic/gateway_api.h"

#include <doctest/doctest.h>

#include "json/serialize.h"
#include "json/yaml.h"
#include "traffic/live_weights.h"

namespace towpath::traffic {
namespace {

const Target kTarget{.ns = "default",
                     .rollout = "shop",
                     .canary_service = "canary",
                     .stable_service = "stable",
                     .managed_routes = {"beta"},
                     .max_weight = 100};

Value route(std::string_view rules) {
  return *json::parseYamlDocument("{metadata: {name: r, generation: 3}, spec: {rules: " + std::string(rules) + "}}");
}

}  // namespace

TEST_CASE("the weights go to each rule that names both services, and to no other") {
  const auto rules =
      rulesWithWeights(route("[{backendRefs: [{name: stable, port: 80}, {name: canary, port: 80, weight: 7}]},"
                             " {backendRefs: [{name: other, weight: 3}]},"
                             " {name: beta, backendRefs: [{name: canary, weight: 1}]}]"),
                       kTarget, {.canary = 20, .additional = {}});
  REQUIRE(rules.has_value());
  CHECK(
      json::serialize(*rules) ==
      R"([{"backendRefs":[{"name":"stable","port":80,"weight":80},{"name":"canary","port":80,"weight":20}]},)"
      R"({"backendRefs":[{"name":"other","weight":3}]},{"name":"beta","backendRefs":[{"name":"canary","weight":1}]}])");
}

TEST_CASE("a route without both services is an error that says what to do") {
  const auto rules =
      rulesWithWeights(route("[{backendRefs: [{name: stable}]}]"), kTarget, {.canary = 20, .additional = {}});
  REQUIRE_FALSE(rules.has_value());
  CHECK(rules.error().message.find("backendRef was not found in httpRoute") != std::string::npos);
}

TEST_CASE("destinations of an experiment take their share from stable") {
  const auto rules = rulesWithWeights(route("[{backendRefs: [{name: stable, port: 80}, {name: canary, port: 80}]}]"),
                                      kTarget, {.canary = 20, .additional = {{5, "trial", "h"}}});
  REQUIRE(rules.has_value());
  CHECK((*rules)[0]["backendRefs"][0]["weight"].asInt() == 75);
  CHECK((*rules)[0]["backendRefs"][2]["name"].asString() == "trial");
  CHECK((*rules)[0]["backendRefs"][2]["port"].asInt() == 80);
}

TEST_CASE("a configuration without a route is refused") {
  CHECK_FALSE(makeRouter("plugins/argoproj-labs/gatewayAPI", Object{}, {}).has_value());
  CHECK(makeRouter("nginx", Object{}, {}).error().kind == ErrorKind::kUnsupported);
}

TEST_CASE("weights are live when every node that can be asked says so, of the newest generation") {
  Value object = route("[]");
  CHECK(checkLive(object, "canary", 0.2).liveness == Liveness::kUnknown);

  std::vector<NodeRoute> nodes;
  CHECK(setNodeRoute(nodes, {"n1", 3, {{"canary", "h", 0.2, 1}, {"stable", "g", 0.8, 4}}, "", false}));
  CHECK_FALSE(setNodeRoute(nodes, {"n1", 3, {{"canary", "h", 0.2, 1}, {"stable", "g", 0.8, 4}}, "", false}));
  object.mutableAt({"status", "towpath", "nodes"}) = writeNodeRoutes(nodes);
  CHECK(readNodeRoutes(object) == nodes);
  CHECK(checkLive(object, "canary", 0.2).liveness == Liveness::kLive);
  CHECK(checkLive(object, "canary", 0.5).liveness == Liveness::kPending);

  setNodeRoute(nodes, {"n2", 2, {{"canary", "h", 0.2, 1}}, "port taken", false});
  object.mutableAt({"status", "towpath", "nodes"}) = writeNodeRoutes(nodes);
  const LiveCheck pending = checkLive(object, "canary", 0.2);
  CHECK(pending.liveness == Liveness::kPending);
  CHECK(pending.waiting_for == "node n2 has generation 2 of 3: port taken");

  setNodeRoute(nodes, {"n2", 2, {}, "", true});
  object.mutableAt({"status", "towpath", "nodes"}) = writeNodeRoutes(nodes);
  CHECK(checkLive(object, "canary", 0.2).liveness == Liveness::kLive);
}

}  // namespace towpath::traffic
