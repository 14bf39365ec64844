// Our switches for traffic: towpath.dev/weight-limit: ready and towpath.dev/broken-stable: ship. Each case says what
// the default does beside it.
#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

Scenario started(std::vector<model::Step> steps, bool limit, bool ship = false, std::int32_t replicas = 4) {
  Scenario s(routedCanary(std::move(steps)), replicas);
  s.world.extensions.limit_weight_to_ready = limit;
  s.world.extensions.ship_past_broken_stable = ship;
  s.deployFirst("v1");
  s.changeTemplate("v2");
  return s;
}

}  // namespace

TEST_CASE("weight-limit: setCanaryScale with too few pods") {
  const std::vector<model::Step> steps = {model::SetCanaryScaleStep{1, std::nullopt, false}, setWeight(50), pause()};
  Scenario usual = started(steps, false);
  usual.converge();
  CHECK(usual.weight() == 50);

  Scenario limited = started(steps, true);
  limited.converge();
  CHECK(limited.weight() == 25);
  CHECK(limited.phase() == "Paused");
}

TEST_CASE("weight-limit: a canary that loses pods loses weight, and regains it with them") {
  Scenario s = started({setWeight(50), setWeight(75), pause()}, true);
  s.converge();
  REQUIRE(s.weight() == 75);
  s.runPods("v2", 1);
  s.settle();
  CHECK(s.weight() == 25);
  s.converge();
  CHECK(s.weight() == 75);
}

TEST_CASE("weight-limit: an abort gives back what stable can carry, as it comes up, and no faster") {
  Scenario s = started({setWeight(50), pause()}, true);
  s.converge();
  REQUIRE(s.weight() == 50);
  s.runPods("v1", 3);
  s.abort();
  s.settle();
  CHECK(s.weight() == 25);
  s.runPods("v1", 1);
  s.settle();
  CHECK(s.weight() == 25);  // never upwards
  s.runPods("v1", 4);
  s.settle();
  CHECK(s.weight() == 0);
  CHECK(s.phase() == "Degraded");
}

TEST_CASE("weight-limit: where neither version suffices they share by their ready pods") {
  Scenario s = started({setWeight(50), pause()}, true, false, 10);
  s.converge();
  REQUIRE(s.weight() == 50);
  s.runPods("v1", 4);
  s.runPods("v2", 3);
  s.settle();
  CHECK(s.weight() == 42);
}

TEST_CASE("a canary without pods gives its traffic to what stable has, switch or not") {
  Scenario s = started({setWeight(50), pause()}, false);
  s.converge();
  REQUIRE(s.weight() == 50);
  s.runPods("v1", 2);
  s.runPods("v2", 0);
  s.settle();
  CHECK(s.weight() == 0);
}

TEST_CASE("broken-stable: the fix ships though the stable version's pods can't even be made") {
  const auto breakStable = [](Scenario& s) {
    s.set("v1").current_replicas = s.set("v1").ready_replicas = s.set("v1").available_replicas = 0;
  };
  const auto run = [&](bool ship) {
    Scenario s = started({setWeight(25), setWeight(50)}, false, ship);
    for (int round = 0; round < 10; ++round) {
      s.settle();
      if (s.size("v2") >= 0) s.runPods("v2", s.size("v2"));
      breakStable(s);
    }
    return s;
  };
  Scenario usual = run(false);
  CHECK(usual.status().stable_rs == "v1");
  CHECK(usual.status().current_step_index == 0);

  Scenario ships = run(true);
  CHECK(ships.status().stable_rs == "v2");
  CHECK(ships.phase() == "Healthy");
}

TEST_CASE("broken-stable: weights rise by the steps though stable can't carry the rest") {
  Scenario s = started({setWeight(50), pause()}, false, true);
  s.settle();
  s.runPods("v2", 2);
  s.set("v1").ready_replicas = s.set("v1").available_replicas = 0;
  s.settle();
  CHECK(s.weight() == 50);
}

}  // namespace towpath::rollout::test
