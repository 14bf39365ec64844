// Ping-pong: two services take turns, and none that gets traffic is ever pointed elsewhere (core-semantics 7.3).
#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

model::CanaryStrategy pingPong(std::vector<model::Step> steps) {
  model::CanaryStrategy strategy = routedCanary(std::move(steps));
  strategy.stable_service.clear();
  strategy.canary_service.clear();
  strategy.ping_pong = model::PingPong{"ping", "pong"};
  return strategy;
}

std::string selectors(Scenario& s) { return s.selector(ServiceRole::kPing) + "/" + s.selector(ServiceRole::kPong); }

int switches(const Scenario& s) {
  return static_cast<int>(std::ranges::count_if(
      s.actions, [](const Action& action) { return std::holds_alternative<SwitchService>(action); }));
}

}  // namespace

TEST_CASE("ping-pong: the first version is behind ping, the next behind pong, the one after behind ping again") {
  Scenario s(pingPong({setWeight(50), pause()}));
  s.deployFirst("v1");
  CHECK(s.status().canary.stable_ping_pong == "ping");
  CHECK(selectors(s) == "v1/");

  s.changeTemplate("v2");
  s.converge();
  CHECK(selectors(s) == "v1/v2");
  CHECK(s.status().canary.weights->canary.service_name == "pong");
  CHECK(s.status().canary.weights->stable.service_name == "ping");
  CHECK(s.weight() == 50);

  s.promote();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.status().canary.stable_ping_pong == "pong");
  // The services have changed roles, not pods.
  CHECK(selectors(s) == "v1/v2");
  CHECK(s.status().canary.weights->stable.service_name == "pong");
  CHECK(s.weight() == 0);
  CHECK(switches(s) == 1);

  s.follow(60s);
  CHECK(sizes(s.world) == "v1:0/0 v2:4/4");

  s.changeTemplate("v3");
  s.converge();
  CHECK(selectors(s) == "v3/v2");
  CHECK(s.status().canary.weights->canary.service_name == "ping");
}

TEST_CASE("ping-pong: an abort leaves both services where they are") {
  Scenario s(pingPong({setWeight(50), pause()}));
  s.deployFirst("v1");
  s.changeTemplate("v2");
  s.converge();
  s.abort();
  s.converge();
  CHECK(s.weight() == 0);
  CHECK(selectors(s) == "v1/v2");
  CHECK(s.status().canary.stable_ping_pong == "ping");

  SUBCASE("a way back to the stable version changes no roles") {
    s.changeTemplate("v1");
    s.follow(60s);
    CHECK(s.phase() == "Healthy");
    CHECK(s.status().canary.stable_ping_pong == "ping");
    CHECK(selectors(s) == "v1/v2");
  }
}

TEST_CASE("ping-pong: a canary that is replaced midway loses its weight before the service moves") {
  Scenario s(pingPong({setWeight(50), pause()}));
  s.deployFirst("v1");
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.weight() == 50);
  s.actions.clear();

  s.changeTemplate("v3");
  s.settle();
  CHECK(selectors(s) == "v1/v3");
  const auto emptied = std::ranges::find_if(s.actions, [](const Action& action) {
    const auto* traffic = std::get_if<SetTraffic>(&action);
    return traffic != nullptr && traffic->setting.canary_weight == 0;
  });
  const auto moved = std::ranges::find_if(
      s.actions, [](const Action& action) { return std::holds_alternative<SwitchService>(action); });
  REQUIRE(emptied != s.actions.end());
  CHECK(emptied < moved);
}

TEST_CASE("ping-pong beside stable and canary services: both pairs are kept, the status names ping and pong") {
  model::CanaryStrategy strategy = routedCanary({setWeight(50), pause()});
  strategy.ping_pong = model::PingPong{"ping", "pong"};
  Scenario s(strategy);
  s.deployFirst("v1");
  s.changeTemplate("v2");
  s.converge();
  CHECK(selectors(s) == "v1/v2");
  CHECK(s.selector(ServiceRole::kStable) == "v1");
  CHECK(s.selector(ServiceRole::kCanary) == "v2");
  CHECK(s.status().canary.weights->canary.service_name == "pong");
}

TEST_CASE("ping-pong: a full promotion switches traffic and roles once the new version is whole") {
  Scenario s(pingPong({setWeight(25), pause()}));
  s.deployFirst("v1");
  s.changeTemplate("v2");
  s.converge();
  s.promoteFull();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.status().canary.stable_ping_pong == "pong");
  CHECK(s.status().canary.weights->stable.weight == 100);
  CHECK(s.status().canary.weights->stable.service_name == "pong");
}

}  // namespace towpath::rollout::test
