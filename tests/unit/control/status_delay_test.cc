// Which writes of a status may wait, and for how long.
#include "control/rollout/status_delay.h"

#include <doctest/doctest.h>

namespace towpath::control {
namespace {

struct Case {
  rollout::World world;
  rollout::Decision decision;

  Case() {
    world.uid = "u";
    world.status.phase = model::RolloutPhase::kProgressing;
    world.status.message = "more replicas need to be updated";
    world.status.ready_replicas = 4;
    world.status.conditions.push_back({.type = model::condition::kProgressing, .reason = "ReplicaSetUpdated"});
    model::RolloutStatus next = world.status;
    next.ready_replicas = 5;
    next.hpa_replicas = 5;
    next.message = "old replicas are pending termination";
    next.conditions.back().last_update_time = WallTime(60s);
    decision.actions.push_back(rollout::PatchStatus{next, false});
  }
  model::RolloutStatus& next() { return std::get<rollout::PatchStatus>(decision.actions.front()).next; }
};

MonoTime at(Duration time) { return MonoTime(time); }

}  // namespace

TEST_CASE("counts wait until the first of them has waited long enough, and then for the next") {
  StatusDelay delay(1s);
  const auto hold = [&delay](Duration time) {
    Case one;
    const Duration waits = delay.hold(one.world, one.decision, at(time));
    CHECK(one.decision.actions.empty() == (waits > 0s));
    return waits;
  };
  CHECK(hold(10s) == 1s);
  CHECK(hold(10s + 400ms) == 600ms);
  CHECK(hold(11s) == 0s);
  CHECK(hold(12s) == 1s);
  delay.forget("u");
  CHECK(hold(12s + 500ms) == 1s);
  delay = StatusDelay(0s);
  CHECK(hold(10s) == 0s);
}

TEST_CASE("the actions beside it are carried out all the same") {
  Case one;
  one.decision.actions.insert(one.decision.actions.begin(),
                              rollout::EmitEvent{rollout::EventType::kNormal, "ScalingReplicaSet", "up"});
  CHECK(StatusDelay(1s).hold(one.world, one.decision, at(10s)) == 1s);
  REQUIRE(one.decision.actions.size() == 1);
  CHECK(std::holds_alternative<rollout::EmitEvent>(one.decision.actions[0]));
}

TEST_CASE("what means something, and what the next decision waits for, is written at once") {
  const auto waits = [](const std::function<void(Case&)>& change) {
    Case one;
    change(one);
    return StatusDelay(1s).hold(one.world, one.decision, at(10s)) > 0s;
  };
  CHECK(waits([](Case&) {}));
  CHECK_FALSE(waits([](Case& one) { one.next().phase = model::RolloutPhase::kHealthy; }));
  CHECK_FALSE(waits([](Case& one) { one.next().current_step_index = 1; }));
  CHECK_FALSE(waits([](Case& one) { one.next().abort = true; }));
  CHECK_FALSE(waits([](Case& one) { one.next().stable_rs = "b"; }));
  CHECK_FALSE(waits([](Case& one) { one.next().observed_generation = "7"; }));
  CHECK_FALSE(waits([](Case& one) { one.next().conditions.back().reason = "NewReplicaSetAvailable"; }));
  CHECK_FALSE(waits([](Case& one) { one.next().conditions.push_back({.type = "Healthy"}); }));
  CHECK_FALSE(waits([](Case& one) { one.decision.decide_again = true; }));
  CHECK_FALSE(waits([](Case& one) { one.decision.actions.clear(); }));
}

}  // namespace towpath::control
