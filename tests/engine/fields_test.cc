// Fields of the spec that have no topic of their own: each does what it says, and a change of one takes effect.
#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {

TEST_CASE("minPodsPerReplicaSet: a small weight gets at least so many pods, but no more than the rollout has") {
  model::CanaryStrategy strategy = routedCanary({setWeight(10), pause()});
  strategy.min_pods_per_replica_set = 2;
  Scenario s(strategy, 10);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(sizes(s.world) == "v1:10/10 v2:2/2");
  s.scaleTo(1);
  s.converge();
  CHECK(s.size("v2") == 1);
}

TEST_CASE("minPodsPerReplicaSet holds for a stable version that shrinks, too") {
  model::CanaryStrategy strategy = routedCanary({setWeight(90), pause()});
  strategy.min_pods_per_replica_set = 3;
  strategy.dynamic_stable_scale = true;
  Scenario s(strategy, 10);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(sizes(s.world) == "v1:3/3 v2:9/9");
}

TEST_CASE("replicaProgressThreshold: steps and promotion go on with so many pods; the rest may come later") {
  model::CanaryStrategy strategy =
      canary({setWeight(50), pause()}, IntOrPercent::percent(50), IntOrPercent::percent(25));
  strategy.replica_progress_threshold = model::ReplicaProgressThreshold{model::ProgressThresholdType::kPercent, 75};
  Scenario s(strategy, 8);
  s.deployFirst();
  s.changeTemplate("v2");
  for (int round = 0; round < 5; ++round) {
    s.settle();
    s.runPods("v1", s.size("v1"));
    s.runPods("v2", 3);  // of 4
  }
  CHECK(s.phase() == "Paused");
  s.promote();
  for (int round = 0; round < 8; ++round) {
    s.settle();
    s.runPods("v1", s.size("v1"));
    s.runPods("v2", 6);  // of 8
  }
  CHECK(s.status().stable_rs == "v2");
  CHECK(s.phase() == "Progressing");
  s.converge();
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("without a threshold one missing pod holds the step") {
  Scenario s(canary({setWeight(50), pause()}, IntOrPercent::percent(50), IntOrPercent::percent(25)), 8);
  s.deployFirst();
  s.changeTemplate("v2");
  for (int round = 0; round < 5; ++round) {
    s.settle();
    s.runPods("v1", s.size("v1"));
    s.runPods("v2", 3);
  }
  CHECK(s.status().current_step_index == 0);
  CHECK(s.phase() == "Progressing");
}

TEST_CASE("autoscalers of a canary see the pods of both versions and the plain selector") {
  Scenario s(routedCanary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.status().hpa_replicas == 6);
  CHECK(s.status().selector == "app=shop");
  CHECK(s.status().replicas == 6);
  CHECK(s.status().updated_replicas == 2);
}

TEST_CASE("autoscalers of blue-green see the active version only, whatever else runs") {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.auto_promotion_enabled = false;
  Scenario s(strategy, 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.status().hpa_replicas == 3);
  CHECK(s.status().replicas == 6);
  CHECK(s.status().selector == "app=shop,rollouts-pod-template-hash=v1");
}

TEST_CASE("an autoscaler's new size while an aborted canary waits for its end is stamped on it, and stable follows") {
  Scenario s(routedCanary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.abort();
  s.converge();
  REQUIRE(s.size("v2") == 2);
  s.scaleTo(6);
  s.converge();
  CHECK(s.size("v1") == 6);
  CHECK(s.size("v2") == 2);
  CHECK(s.set("v2").desired_replicas == 6);
  CHECK(s.weight() == 0);
  s.follow(60s);
  CHECK(s.size("v2") == 0);
}

TEST_CASE("minReadySeconds: a change of it reaches the running ReplicaSet and starts no new version") {
  Scenario s(canary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.world.spec.min_ready_seconds = 30;
  s.world.new_rs_in_sync = false;  // as the controller finds it
  ++s.world.generation;
  s.converge();
  REQUIRE(s.actions.size() == 1);
  CHECK(std::holds_alternative<SyncReplicaSet>(s.actions.front()));
  CHECK(s.world.revision == 1);
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("blue-green: maxUnavailable is the budget of a restart") {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.max_unavailable = IntOrPercent::pods(2);
  Scenario s(strategy, 4);
  s.deployFirst();
  for (const char* name : {"a", "b", "c", "d"}) s.world.pods.push_back({name, s.now - 10s, true, false});
  s.world.spec.restart_at = s.now;
  ++s.world.generation;
  s.settle();
  const auto evicted =
      std::ranges::count_if(s.actions, [](const Action& action) { return std::holds_alternative<EvictPod>(action); });
  CHECK(evicted == 2);
}

TEST_CASE("a restart goes on beside an old version that stays and never got ready") {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.scale_down_delay_seconds = 0;
  strategy.auto_promotion_enabled = false;
  Scenario s(strategy, 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.settle();
  s.runPods("v2", 0);
  s.changeTemplate("v1");
  s.settle();
  REQUIRE(sizes(s.world) == "v1:3/3 v2:3/0");
  for (const char* name : {"a", "b", "c"}) s.world.pods.push_back({name, s.now - 10s, true, false});
  s.world.spec.restart_at = s.now;
  ++s.world.generation;
  s.settle();
  CHECK(s.did(EvictPod{"a"}));
  CHECK_FALSE(s.did(EvictPod{"b"}));
}

TEST_CASE("from blue-green to canary: what runs is stable, and the next template runs the steps") {
  Scenario s(blueGreen(), 4);
  s.deployFirst();
  s.world.spec.strategy = canary({setWeight(25), pause()});
  s.world.services.clear();
  s.world.step_hash = "s1";
  ++s.world.generation;
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.status().stable_rs == "v1");
  CHECK(s.status().blue_green.active_selector.empty());
  CHECK(s.status().current_step_index == 2);
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.phase() == "Paused");
  CHECK(sizes(s.world) == "v1:3/3 v2:1/1");
}

TEST_CASE("scaleDownDelayRevisionLimit 0: no old version waits for its end") {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.scale_down_delay_revision_limit = 0;
  Scenario s(strategy, 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.size("v1") == 0);
}

}  // namespace towpath::rollout::test
