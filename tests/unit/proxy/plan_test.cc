#include "proxy/plan.h"

#include <doctest/doctest.h>

#include "json/parse.h"
#include "proxy/contains.h"
#include "proxy/haproxy_config.h"

namespace towpath::proxy {
namespace {

Value object(std::string_view json) {
  const Result<Value> value = json::parse(json);
  REQUIRE_MESSAGE(value, (value ? "" : describe(value.error())));
  return *value;
}

Value service(const std::string& name, const std::string& address, const std::string& hash,
              const std::string& extra = "") {
  return object(R"({"metadata":{"namespace":"shop","name":")" + name + R"("},"spec":{"clusterIP":")" + address +
                R"(","selector":{"app":"web","rollouts-pod-template-hash":")" + hash +
                R"("},"ports":[{"name":"http","port":80,"targetPort":"web"}])" + extra + "}}");
}

LocalPod pod(const std::string& uid, const std::string& hash, int port, ServerState state = ServerState::kReady) {
  return {.ns = "shop",
          .name = uid,
          .uid = uid,
          .labels = {{"app", "web"}, {"rollouts-pod-template-hash", hash}},
          .state = state,
          .ports = {{"web", 8080, port}}};
}

Value slice(const std::string& service_name, const std::string& hash, const std::string& endpoints) {
  return object(R"({"metadata":{"namespace":"shop","name":"s","labels":{"kubernetes.io/service-name":")" +
                service_name + R"(","rollouts-pod-template-hash":")" + hash +
                R"("}},"ports":[{"name":"http","port":25000}],"endpoints":[)" + endpoints + "]}");
}

PlanInput shop() {
  PlanInput input{.node_name = "node-a"};
  input.services = {service("stable", "127.64.0.1", "aaa"), service("canary", "127.64.0.2", "bbb")};
  input.local_pods = {pod("p1", "aaa", 20001), pod("p2", "bbb", 20002)};
  input.gateways = {object(
      R"({"metadata":{"namespace":"shop","name":"edge"},"spec":{"listeners":[{"name":"http","port":8080,"protocol":"HTTP"}]}})")};
  return input;
}

Value route(const std::string& rules, const std::string& name = "web", const std::string& extra = "") {
  return object(R"({"metadata":{"namespace":"shop","name":")" + name +
                R"(","generation":3},"spec":{"parentRefs":[{"name":"edge"}])" + extra + R"(,"rules":)" + rules + "}}");
}

std::string backends(int stable, int canary) {
  return R"("backendRefs":[{"name":"stable","port":80,"weight":)" + std::to_string(stable) +
         R"(},{"name":"canary","port":80,"weight":)" + std::to_string(canary) + "}]";
}

const Rule& ruleOf(const Plan& plan, const std::string& id) {
  const Rule* rule = findRule(plan.state, id);
  REQUIRE_MESSAGE(rule != nullptr, id);
  return *rule;
}

const Listener& listenerOf(const Plan& plan, const std::string& address) {
  const auto at = std::ranges::find(plan.state.listeners, address, &Listener::address);
  REQUIRE(at != plan.state.listeners.end());
  return *at;
}

TEST_CASE("shares sum to the total, by largest remainder, and keep the smallest weights above nothing") {
  CHECK(toShares({80, 20}) == std::vector<int>{8000, 2000});
  CHECK(toShares({1, 1, 1}) == std::vector<int>{3334, 3333, 3333});
  CHECK(toShares({1000000, 1}) == std::vector<int>{9999, 1});
  CHECK(toShares({0, 0}) == std::vector<int>{0, 0});
  CHECK(toShares({0, 7}) == std::vector<int>{0, 10000});
}

TEST_CASE("a rule's id gives back its object, also with dots in the name") {
  const RouteRef ref{"HTTPRoute", "shop", "web.example", 12};
  CHECK(parseRuleId(makeRuleId(ref)) == ref);
  CHECK(makeRuleId({"HTTPRoute", "shop", std::string(253, 'x'), 0}).size() == 200);
  CHECK_FALSE(parseRuleId("nonsense"));
}

TEST_CASE("a route's weights become shares of the versions behind its Services") {
  PlanInput input = shop();
  input.http_routes = {route("[{" + backends(80, 20) + "}]")};
  const Plan plan = makePlan(input);
  CHECK(plan.problems.empty());
  const Rule& rule = ruleOf(plan, "HTTPRoute.shop.web.0");
  CHECK(rule.generation == 3);
  REQUIRE(rule.targets.size() == 2);
  CHECK(rule.targets[0].version == Version{{"shop", "stable", "http"}, "aaa"});
  CHECK(rule.targets[0].weight == 8000);
  CHECK(rule.targets[1].weight == 2000);
  CHECK(listenerOf(plan, "0.0.0.0").entries.front().rule == rule.id);
  CHECK(listenerOf(plan, "127.64.0.1").entries.front().rule == "Service.shop.stable.0");
}

TEST_CASE("a Service with two versions shares by their ready instances, and drains get nothing") {
  PlanInput input = shop();
  input.services = {
      object(R"({"metadata":{"namespace":"shop","name":"web"},"spec":{"clusterIP":"127.64.0.3","selector":{"app":"web"},
      "ports":[{"name":"http","port":80,"targetPort":8080,"nodePort":30080}]}})")};
  input.local_pods = {pod("p1", "aaa", 1), pod("p2", "aaa", 2), pod("p3", "aaa", 3), pod("p4", "bbb", 4),
                      pod("p5", "ccc", 5, ServerState::kDraining)};
  const Plan plan = makePlan(input);
  const Rule& rule = ruleOf(plan, "Service.shop.web.0");
  REQUIRE(rule.targets.size() == 2);
  CHECK(rule.targets[0].weight == 7500);
  CHECK(rule.targets[1].version.hash == "bbb");
  CHECK(contains(plan.state.listeners, 30080, &Listener::port));
  REQUIRE(plan.state.backends.front().versions.size() == 3);
}

TEST_CASE("nothing ready is 503 for its share, what does not exist 500; the share is given to others only on demand") {
  PlanInput input = shop();
  input.local_pods[1].state = ServerState::kNotReady;
  input.http_routes = {route("[{" + backends(80, 20) + R"(},{"backendRefs":[{"name":"nobody","port":80}]}])")};
  Plan plan = makePlan(input);
  CHECK(ruleOf(plan, "HTTPRoute.shop.web.0").targets[1].kind == Target::Kind::kUnavailable);
  CHECK(ruleOf(plan, "HTTPRoute.shop.web.0").targets[1].weight == 2000);
  CHECK(ruleOf(plan, "HTTPRoute.shop.web.1").targets[0].kind == Target::Kind::kInvalid);
  CHECK(plan.problems.size() == 1);
  input.http_routes[0].mutableAt({"metadata", "annotations"})["towpath.dev/unready-backend"] = "Redistribute";
  plan = makePlan(input);
  REQUIRE(ruleOf(plan, "HTTPRoute.shop.web.0").targets.size() == 1);
  CHECK(ruleOf(plan, "HTTPRoute.shop.web.0").targets[0].weight == 10000);
}

TEST_CASE("instances of other nodes come from slices, unless the Service keeps to its node") {
  PlanInput input = shop();
  input.endpoint_slices = {
      slice("stable", "aaa",
            R"({"addresses":["10.0.0.2"],"nodeName":"node-b","conditions":{"ready":true},"targetRef":{"uid":"remote"}},
                                    {"addresses":["10.0.0.3"],"nodeName":"node-c","conditions":{"ready":false,"terminating":true},"targetRef":{"uid":"leaving"}},
                                    {"addresses":["10.0.0.1"],"nodeName":"node-a","conditions":{"ready":true},"targetRef":{"uid":"stale"}})")};
  const Backend* backend = nullptr;
  Plan plan = makePlan(input);
  backend = findBackend(plan.state, {"shop", "stable", "http"});
  REQUIRE(backend);
  REQUIRE(backend->versions.size() == 1);
  REQUIRE(backend->versions[0].servers.size() == 3);
  CHECK(backend->versions[0].servers[1] == Server{"remote", "10.0.0.2", 25000, ServerState::kReady, Locality::kRemote});
  CHECK(backend->versions[0].servers[2].state == ServerState::kDraining);
  input.services[0] = service("stable", "127.64.0.1", "aaa", R"(,"internalTrafficPolicy":"Local")");
  plan = makePlan(input);
  backend = findBackend(plan.state, {"shop", "stable", "http"});
  CHECK(backend->versions[0].servers.size() == 1);
}

TEST_CASE("matches stand in the Gateway API's order of precedence") {
  PlanInput input = shop();
  const std::string to = backends(1, 0);
  input.http_routes = {route(R"([{"matches":[{"path":{"type":"PathPrefix","value":"/"}}],)" + to + R"(},
                {"matches":[{"path":{"type":"PathPrefix","value":"/api"}}],)" +
                                 to + R"(},
                {"matches":[{"path":{"type":"PathPrefix","value":"/api"},"headers":[{"name":"x-user","value":"me"}]}],)" +
                                 to + R"(},
                {"matches":[{"path":{"type":"PathPrefix","value":"/api"},"method":"POST"}],)" +
                                 to + R"(},
                {"matches":[{"path":{"type":"Exact","value":"/a"}}],)" +
                                 to + "}]",
                             "web"),
                       route(R"([{)" + to + "}]", "host", R"(,"hostnames":["Shop.Example.com","*.example.com"])")};
  const Plan plan = makePlan(input);
  CHECK(plan.problems.empty());
  std::vector<std::string> order;
  for (const Entry& entry : listenerOf(plan, "0.0.0.0").entries) order.push_back(entry.hostname + " " + entry.rule);
  CHECK(order == std::vector<std::string>{"shop.example.com HTTPRoute.shop.host.0",
                                          "*.example.com HTTPRoute.shop.host.0", " HTTPRoute.shop.web.4",
                                          " HTTPRoute.shop.web.3", " HTTPRoute.shop.web.2", " HTTPRoute.shop.web.1",
                                          " HTTPRoute.shop.web.0"});
}

TEST_CASE("what cannot be served is told, and stops nothing else") {
  PlanInput input = shop();
  input.http_routes = {
      route(R"([{"matches":[{"path":{"type":"RegularExpression","value":"/(a"}}],)" + backends(1, 0) + "}]", "regex"),
      route(R"([{"filters":[{"type":"RequestMirror"}],)" + backends(1, 0) + "}]", "filter"),
      route("[{" + backends(1, 0) + "}]", "hostless", R"(,"hostnames":["bad host'"])"),
      object(
          R"({"metadata":{"namespace":"other","name":"far"},"spec":{"parentRefs":[{"name":"edge","namespace":"shop"}],"rules":[{}]}})"),
      route("[{" + backends(1, 0) + "}]", "good")};
  input.gateways.push_back(object(
      R"({"metadata":{"namespace":"shop","name":"tls"},"spec":{"listeners":[{"name":"x","port":8443,"protocol":"HTTPS"}]}})"));
  const Plan plan = makePlan(input);
  std::vector<std::string> names;
  for (const Problem& problem : plan.problems) names.push_back(problem.name);
  CHECK(names == std::vector<std::string>{"tls", "regex", "filter", "hostless", "far"});
  std::vector<std::string> rules;
  for (const Entry& entry : listenerOf(plan, "0.0.0.0").entries) rules.push_back(entry.rule);
  CHECK(rules == std::vector<std::string>{"HTTPRoute.shop.filter.0", "HTTPRoute.shop.good.0"});
  CHECK(ruleOf(plan, "HTTPRoute.shop.filter.0").targets.empty());
}

TEST_CASE("a route on a Service replaces its plain rule; other protocols are passed through") {
  PlanInput input = shop();
  input.http_routes = {object(
      R"({"metadata":{"namespace":"shop","name":"mesh"},"spec":{"parentRefs":[{"kind":"Service","group":"","name":"stable"}],"rules":[{)" +
      backends(50, 50) + "}]}}")};
  input.services.push_back(object(
      R"({"metadata":{"namespace":"shop","name":"db"},"spec":{"clusterIP":"127.64.0.9","selector":{"app":"db"},"ports":[{"port":5432}]}})"));
  const Plan plan = makePlan(input);
  CHECK(listenerOf(plan, "127.64.0.1").entries.front().rule == "HTTPRoute.shop.mesh.0");
  CHECK(findRule(plan.state, "Service.shop.stable.0") == nullptr);
  CHECK(listenerOf(plan, "127.64.0.9").mode == Mode::kTcp);
}

TEST_CASE("a layout keeps places, reuses them only when released, grows, and is read back as written") {
  PlanInput input = shop();
  const ProxyState state = makePlan(input).state;
  Layout layout = place({}, state);
  CHECK(place(layout, state) == layout);
  CHECK(*readLayout(writeLayout(layout)) == layout);
  CHECK_FALSE(readLayout("towpath-layout 1\nservice broken\n"));
  const std::string rest = " http http 1 2 3 4 5 0 4 4\n";
  const std::string head = "towpath-layout 1\nservice shop web" + rest;
  CHECK(readLayout(head + "version 0 =v1\nserver 0 pod 10.0.0.1 80\n"));
  CHECK_FALSE(readLayout(head + "version 0 =v1\nserver 0  10.0.0.1 80\n"));  // no instance
  CHECK_FALSE(readLayout(head + "service shop web" + rest));                 // twice
  CHECK_FALSE(readLayout(head + "service shop api" + rest));                 // not sorted
  const Placed before = findInstance(layout, "p1").at(0);
  CHECK(before.backend == "shop.stable.http.v0");

  input.local_pods[0] = pod("p9", "aaa", 20009);
  layout = place(layout, makePlan(input).state);
  CHECK(findInstance(layout, "p1").at(0).server == before.server);
  CHECK(findInstance(layout, "p9").at(0).server != before.server);
  release(layout, "p1");
  CHECK(findInstance(layout, "p1").empty());

  input.local_pods[0] = pod("p9", "ccc", 20009);
  input.services[0] = service("stable", "127.64.0.1", "ccc");
  layout = place(layout, makePlan(input).state);
  CHECK(findInstance(layout, "p9").size() == 2);  // leaving as version aaa, placed as ccc
}

TEST_CASE("the structure of the configuration is the same for other weights, versions and servers") {
  PlanInput input = shop();
  input.http_routes = {route("[{" + backends(80, 20) + "}]")};
  const HaproxyPaths paths{"maps", "worker.sock"};
  ProxyState state = makePlan(input).state;
  Layout layout = place({}, state);
  const HaproxyFiles first = renderHaproxy(layout, state, paths, {});
  input.http_routes = {route("[{" + backends(0, 100) + "}]")};
  input.local_pods.push_back(pod("p3", "bbb", 20003));
  state = makePlan(input).state;
  layout = place(layout, state);
  const HaproxyFiles second = renderHaproxy(layout, state, paths, {});
  CHECK(first.structure == second.structure);
  CHECK(first.config != second.config);
  input.http_routes = {route(R"([{"matches":[{"path":{"value":"/x"}}],)" + backends(0, 100) + "}]")};
  state = makePlan(input).state;
  CHECK(renderHaproxy(place(layout, state), state, paths, {}).structure != first.structure);
}

TEST_CASE("a quoted word is one word whatever is in it") {
  CHECK(quoteWord("a b") == "'a b'");
  CHECK(quoteWord("it's") == R"('it'\''s')");
}

}  // namespace
}  // namespace towpath::proxy
