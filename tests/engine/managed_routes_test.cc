// Steps setHeaderRoute and setMirrorRoute: alone, paused, aborted, skipped, promoted, with another template.
#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

model::Step headerRoute(const std::string& name, const std::string& value) {
  return model::SetHeaderRouteStep{name, {{"X-Beta", {.exact = value, .prefix = "", .regex = ""}}}};
}
model::Step noHeaderRoute(const std::string& name) { return model::SetHeaderRouteStep{name, {}}; }
model::Step mirrorRoute(const std::string& name, std::int32_t percentage) {
  model::RouteMatch match;
  match.method = model::StringMatch{.exact = "GET", .prefix = "", .regex = ""};
  return model::SetMirrorRouteStep{name, {match}, percentage};
}

model::CanaryStrategy withRoutes(std::vector<model::Step> steps) {
  model::CanaryStrategy strategy = routedCanary(std::move(steps));
  strategy.traffic_routing->managed_routes = {"mirror", "beta"};
  return strategy;
}

// "beta=yes mirror": what the routers have.
std::string routes(const Scenario& s) {
  std::string text;
  if (!s.world.traffic.applied) return "(unknown)";
  for (const model::ManagedRoute& route : s.world.traffic.applied->managed) {
    if (!text.empty()) text += " ";
    if (const auto* header = std::get_if<model::SetHeaderRouteStep>(&route))
      text += header->name + "=" + header->match.front().value.exact;
    else
      text += std::get<model::SetMirrorRouteStep>(route).name;
  }
  return text;
}

model::Step canaryScale(std::int32_t weight) { return model::SetCanaryScaleStep{std::nullopt, weight, false}; }

TEST_CASE("header and mirror routes are set in the order of managedRoutes and stay until the end") {
  Scenario s(withRoutes({canaryScale(25), headerRoute("beta", "yes"), mirrorRoute("mirror", 35), pause(), setWeight(50),
                         headerRoute("beta", "all"), noHeaderRoute("mirror"), pause()}));
  s.deployFirst();
  CHECK(routes(s) == "");
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.phase() == "Paused");
  CHECK(s.weight() == 0);
  CHECK(routes(s) == "mirror beta=yes");
  CHECK(s.said("Rollout step 2/8 completed (setHeaderRoute: beta)"));
  CHECK(s.said("Rollout step 3/8 completed (setMirrorRoute: mirror)"));
  CHECK(sizes(s.world) == "v1:4/4 v2:1/1");

  s.promote();
  s.converge();
  CHECK(s.weight() == 50);
  CHECK(routes(s) == "beta=all");

  s.promote();
  s.converge();
  CHECK(s.status().stable_rs == "v2");
  CHECK(routes(s) == "");
}

TEST_CASE("a first deployment sets no route") {
  Scenario s(withRoutes({headerRoute("beta", "yes"), setWeight(50)}));
  s.deployFirst();
  for (const Action& action : s.actions) {
    if (const auto* traffic = std::get_if<SetTraffic>(&action)) CHECK(traffic->setting.managed.empty());
  }
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("a route step completes only when the routers took the route over") {
  Scenario s(withRoutes({canaryScale(25), headerRoute("beta", "yes"), pause()}));
  s.deployFirst();
  s.changeTemplate("v2");
  s.verifies = false;
  s.converge();
  CHECK(routes(s) == "beta=yes");
  CHECK(s.status().current_step_index == 1);
  REQUIRE(s.next_look.has_value());  // asks again
  s.world.traffic.verified = true;
  s.converge();
  CHECK(s.status().current_step_index == 2);
}

TEST_CASE("managed routes go with an abort, in the same turn, and come again with a retry") {
  Scenario s(withRoutes({canaryScale(25), headerRoute("beta", "yes"), pause()}));
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(routes(s) == "beta=yes");
  s.abort();
  s.settle();
  CHECK(routes(s) == "");
  CHECK(s.selector(ServiceRole::kCanary) == "v1");
  s.abort();
  s.follow(60s);
  CHECK(routes(s) == "");
  s.retry();
  s.converge();
  CHECK(routes(s) == "beta=yes");
  CHECK(s.phase() == "Paused");
}

TEST_CASE("an abort takes managed routes back although stable cannot take the weight yet") {
  model::CanaryStrategy strategy = withRoutes({setWeight(50), headerRoute("beta", "yes"), pause()});
  strategy.dynamic_stable_scale = true;
  Scenario s(strategy, 8);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(routes(s) == "beta=yes");
  s.runPods("v1", 0);
  s.abort();
  s.settle();
  CHECK(routes(s) == "beta=yes");  // nobody else could answer
  s.runPods("v1", 1);
  s.settle();
  CHECK(routes(s) == "");
  CHECK(s.weight() > 0);
}

TEST_CASE("managed routes go with a full promotion, an undo and a new template") {
  Scenario s(withRoutes({canaryScale(25), headerRoute("beta", "yes"), pause()}));
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(routes(s) == "beta=yes");
  SUBCASE("promote --full") {
    s.promoteFull();
    s.settle();
    CHECK(routes(s) == "");
    s.converge();
    CHECK(s.status().stable_rs == "v2");
  }
  SUBCASE("undo") {
    s.changeTemplate("v1");
    s.settle();
    CHECK(routes(s) == "");
    s.converge();
    CHECK(s.phase() == "Healthy");
  }
  SUBCASE("another template: not before its pods are ready") {
    s.changeTemplate("v3");
    s.settle();
    CHECK(routes(s) == "");
    s.converge();
    CHECK(routes(s) == "beta=yes");
    CHECK(s.world.traffic.applied->canary_hash == "v3");
  }
}

TEST_CASE("a route goes when the canary loses its pods and comes back with them") {
  Scenario s(withRoutes({canaryScale(25), headerRoute("beta", "yes"), pause()}));
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.runPods("v2", 0);
  s.settle();
  CHECK(routes(s) == "");
  s.runPods("v2", 1);
  s.settle();
  CHECK(routes(s) == "beta=yes");
}

TEST_CASE("a canary that only a header route sends requests to is not emptied before the route is gone") {
  Scenario s(withRoutes({canaryScale(25), headerRoute("beta", "yes"), pause(), canaryScale(0), pause()}));
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.promote();
  s.converge();
  CHECK(routes(s) == "beta=yes");
  CHECK(s.size("v2") == 1);
}

TEST_CASE("a rollout that waits for a route step has a deadline") {
  Scenario s(withRoutes({canaryScale(25), pause(), headerRoute("beta", "yes"), pause()}));
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.runPods("v1", 0);  // stable can carry nothing: traffic stays as it is
  s.promote();
  s.settle();
  CHECK(s.status().current_step_index == 2);
  REQUIRE(s.next_look.has_value());
  s.now += 700s;
  s.settle();
  CHECK(s.phase() == "Degraded");
}

}  // namespace
}  // namespace towpath::rollout::test
