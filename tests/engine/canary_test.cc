#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

using model::AnalysisPhase;
using model::RolloutPhase;

TEST_CASE("the first version is deployed at once: no steps, no analysis, the peer's order of events") {
  Scenario s(canary({setWeight(50), pause()}), 3);
  s.changeTemplate("v1");
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(sizes(s.world) == "v1:3/3");
  CHECK(s.status().stable_rs == "v1");
  CHECK(s.status().current_step_index == 2);
  CHECK(s.status().observed_generation == "2");
  CHECK(s.world.revision == 1);
  CHECK(s.eventReasons() == std::vector<std::string>{"RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted",
                                                     "ScalingReplicaSet", "RolloutCompleted"});
  CHECK(s.conditionReason("Progressing") == "True/NewReplicaSetAvailable");
  CHECK(s.conditionReason("Available") == "True/AvailableReason");
  CHECK(s.conditionReason("Completed") == "True/RolloutCompleted");
  CHECK(s.conditionReason("Healthy") == "True/RolloutHealthy");
  CHECK(s.status().conditions.size() == 4);
}

TEST_CASE("the end of a step and the pause after it are one write of the status") {
  Scenario s(canary({setWeight(25), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.phase() == "Paused");
  // As it was before: the pods are there, and nobody has noticed.
  s.world.status.current_step_index = 0;
  s.world.status.pause_conditions.clear();
  s.world.status.controller_pause = false;
  s.world.status.phase = model::RolloutPhase::kProgressing;
  const Decision decision = decide(s.world, s.now);
  std::vector<std::string> told;
  int patches = 0;
  for (const Action& action : decision.actions) {
    if (const auto* event = std::get_if<EmitEvent>(&action)) told.push_back(event->reason);
    const auto* patch = std::get_if<PatchStatus>(&action);
    if (patch == nullptr) continue;
    ++patches;
    CHECK(patch->next.current_step_index == 1);
    CHECK(hasPause(patch->next, model::PauseReason::kCanaryPauseStep));
    CHECK(patch->guarded);
  }
  CHECK(patches == 1);
  CHECK(fmt::format("{}", fmt::join(told, " ")) == "RolloutStepCompleted RolloutPaused");
}

TEST_CASE("a settled world yields no action, whatever the time") {
  Scenario s(canary({setWeight(50), pause()}), 3);
  s.deployFirst();
  for (const Duration later : {0s, 1s, 3600s, 86400s}) {
    s.advance(later);
    CHECK(decide(s.world, s.now).actions.empty());
  }
  CHECK_FALSE(decide(s.world, s.now).look_again_at);
}

TEST_CASE("steps: share of replicas, a pause until somebody goes on, a pause that ends, promotion") {
  Scenario s(canary({setWeight(25), pause(), setWeight(50), pauseFor("30")}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.phase() == "Paused");
  CHECK(s.status().message == "CanaryPauseStep");
  CHECK(s.status().current_step_index == 1);
  CHECK(s.status().controller_pause);
  CHECK(sizes(s.world) == "v1:3/3 v2:1/1");
  CHECK(s.conditionReason("Paused") == "True/RolloutPaused");
  CHECK(s.conditionReason("Progressing") == "Unknown/RolloutPaused");
  CHECK(s.conditionReason("Completed") == "False/RolloutCompleted");
  CHECK(s.conditionReason("Healthy") == "False/RolloutHealthy");

  s.advance(24h);  // nobody came
  s.converge();
  CHECK(s.status().current_step_index == 1);

  s.promote();
  s.converge();
  CHECK(s.status().current_step_index == 3);
  CHECK(sizes(s.world) == "v1:2/2 v2:2/2");
  CHECK(s.next_look == s.status().pause_conditions.at(0).start_time + 30s);

  s.follow(40s);
  CHECK(s.phase() == "Healthy");
  CHECK(sizes(s.world) == "v1:0/0 v2:4/4");
  CHECK(s.status().stable_rs == "v2");
  CHECK(s.status().current_step_index == 4);
  CHECK_FALSE(s.status().controller_pause);
  CHECK(s.said("RolloutCompleted: Rollout completed update to revision 2 (v2): Completed all 4 canary steps"));
  CHECK(s.conditionReason("Paused") == "False/RolloutPaused");
}

TEST_CASE("update, abort and retry tell the events that the peer's tests expect") {
  Scenario s(canary({setWeight(50), pauseFor("3s")}), 1);
  s.world.spec.strategy = canary({setWeight(50), pauseFor("3s")}, IntOrPercent::pods(1));
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.phase() == "Paused");
  s.abort();
  s.converge();
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().message == "RolloutAborted: Rollout aborted update to revision 2");
  CHECK(s.status().current_step_index == 0);
  CHECK(s.status().aborted_at.has_value());
  CHECK(sizes(s.world) == "v1:1/1 v2:0/0");
  s.advance(5s);
  s.retry();
  s.converge();
  s.follow(10s);
  CHECK(s.phase() == "Healthy");
  CHECK_FALSE(s.status().aborted_at.has_value());
  CHECK(s.eventReasons() == std::vector<std::string>{"RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted",
                                                     "ScalingReplicaSet", "RolloutStepCompleted", "RolloutPaused",
                                                     "ScalingReplicaSet", "RolloutAborted", "ScalingReplicaSet",
                                                     "RolloutStepCompleted", "RolloutPaused", "RolloutStepCompleted",
                                                     "RolloutResumed", "ScalingReplicaSet", "RolloutCompleted"});
}

TEST_CASE("20 % for a while, back to 0, judge, then promote") {
  Scenario s(canary({setWeight(20), pauseFor("60s"), setWeight(0), analysis(), setWeight(100)}), 5);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(sizes(s.world) == "v1:4/4 v2:1/1");
  s.follow(61s);
  CHECK(sizes(s.world) == "v1:5/5 v2:0/0");
  CHECK(s.status().current_step_index == 3);
  REQUIRE(s.world.analysis_runs.size() == 1);
  CHECK(s.world.analysis_runs[0].name == "shop-v2-2-3");
  s.finishRun("shop-v2-2-3", AnalysisPhase::kSuccessful);
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(sizes(s.world) == "v1:0/0 v2:5/5");
}

TEST_CASE("a slow ramp completes one step at a time") {
  std::vector<model::Step> ramp;
  for (int weight = 10; weight <= 90; weight += 10) {
    ramp.push_back(setWeight(weight));
    ramp.push_back(pauseFor("10s"));
  }
  Scenario s(canary(ramp), 10);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  std::int32_t last = 0;
  for (int i = 0; i < 40 && s.phase() != "Healthy"; ++i) {
    s.converge();
    const std::int32_t index = s.status().current_step_index.value_or(0);
    CHECK(index - last <= 2);
    last = index;
    s.advance(11s);
  }
  CHECK(s.phase() == "Healthy");
  CHECK(sizes(s.world) == "v1:0/0 v2:10/10");
}

TEST_CASE("no steps: a rolling update within surge and unavailable") {
  Scenario s(canary({}, IntOrPercent::pods(1), IntOrPercent::pods(0)), 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.settle();
  CHECK(sizes(s.world) == "v1:3/3 v2:1/0");
  s.settle();
  CHECK(sizes(s.world) == "v1:3/3 v2:1/0");  // waits for the pod
  s.runPods("v2", 1);
  s.settle();
  CHECK(sizes(s.world) == "v1:2/3 v2:2/1");
  s.converge();
  CHECK(sizes(s.world) == "v1:0/0 v2:3/3");
  CHECK(s.phase() == "Healthy");
  CHECK_FALSE(s.status().current_step_index.has_value());
}

TEST_CASE("a rolling update of a crashing version to a good one gets through") {
  Scenario s(canary({}, IntOrPercent::pods(1), IntOrPercent::pods(0)), 4);
  s.deployFirst();
  s.set("v1").available_replicas = s.set("v1").ready_replicas = 0;
  s.changeTemplate("v2");
  for (int i = 0; i < 30; ++i) {
    s.settle();
    s.runPods("v2", 99);
    s.runPods("v1", 0);
  }
  CHECK(sizes(s.world) == "v1:0/0 v2:4/4");
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("recreate: the old version is gone before the new one starts") {
  Scenario s(canary({}), 2);
  s.world.recreate = true;
  s.deployFirst();
  s.changeTemplate("v2");
  s.settle();
  CHECK(sizes(s.world) == "v1:0/2 v2:0/0");
  s.set("v1").current_replicas = s.set("v1").ready_replicas = s.set("v1").available_replicas = 0;
  s.set("v1").terminating_replicas = 1;  // still shutting down
  s.settle();
  CHECK(s.size("v2") == 0);
  s.set("v1").terminating_replicas = 0;
  s.converge();
  CHECK(sizes(s.world) == "v1:0/0 v2:2/2");
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("recreate: an abort goes the same way back") {
  Scenario s(canary({}), 2);
  s.world.recreate = true;
  s.deployFirst();
  s.changeTemplate("v2");
  s.settle();
  s.runPods("v1", 0);
  s.settle();
  CHECK(sizes(s.world) == "v1:0/0 v2:2/0");
  s.runPods("v2", 0);
  s.abort();
  s.settle();
  CHECK(sizes(s.world) == "v1:0/0 v2:0/0");
  s.converge();
  CHECK(sizes(s.world) == "v1:2/2 v2:0/0");
  CHECK(s.phase() == "Degraded");
}

TEST_CASE("recreate: pods that may still be on their way keep the other version waiting") {
  Scenario s(canary({}), 2);
  s.world.recreate = true;
  s.deployFirst();
  s.changeTemplate("v2");
  s.settle();
  s.runPods("v1", 0);
  s.settle();
  REQUIRE(s.size("v2") == 2);
  s.abort();
  s.settle();  // nobody has seen the 2 of v2 yet, nor the 0 that followed
  CHECK(sizes(s.world) == "v1:0/0 v2:0/0");
  s.set("v2").observed_generation = s.set("v2").generation;
  s.settle();
  CHECK(s.size("v1") == 2);
}

TEST_CASE("recreate needs a plain canary, and says so") {
  Scenario s(canary({setWeight(20)}), 2);
  s.world.recreate = true;
  s.changeTemplate("v1");
  s.settle();
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().message.find("towpath.dev/strategy") != std::string::npos);
  CHECK(s.world.replica_sets.empty());
}

TEST_CASE("the template changes in the middle: the newest goes on from step 0, the one between is scaled down") {
  Scenario s(canary({setWeight(25), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.phase() == "Paused");
  s.changeTemplate("v3");
  s.converge();
  CHECK(s.phase() == "Paused");
  CHECK(s.status().current_step_index == 1);
  CHECK(sizes(s.world) == "v1:3/3 v2:0/0 v3:1/1");
  s.promote();
  s.converge();
  CHECK(sizes(s.world) == "v1:0/0 v2:0/0 v3:4/4");
}

TEST_CASE("back to the stable template in the middle: at once, no steps") {
  Scenario s(canary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.changeTemplate("v1");
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.status().current_step_index == 2);
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0");
  CHECK(s.said("SkipSteps: Rollback to stable ReplicaSets"));
  CHECK(s.set("v1").revision == 3);
}

TEST_CASE("undo to an older version runs the steps, unless it is within the window") {
  const auto threeVersions = [](std::optional<std::int32_t> window) {
    Scenario s(canary({setWeight(25), pause()}), 4);
    s.world.spec.rollback_window_revisions = window;
    s.deployFirst();
    for (const char* hash : {"v2", "v3"}) {
      s.changeTemplate(hash);
      s.converge();
      s.promote();
      s.converge();
      s.advance(60s);
    }
    s.changeTemplate("v2");
    s.converge();
    return s.phase() + " " + sizes(s.world);
  };
  CHECK(threeVersions(std::nullopt) == "Paused v1:0/0 v2:1/1 v3:3/3");
  CHECK(threeVersions(1) == "Healthy v1:0/0 v2:4/4 v3:0/0");
}

TEST_CASE("the number of replicas changes while paused at a step") {
  Scenario s(canary({setWeight(25), pause()}), 1);
  s.world.spec.strategy = canary({setWeight(25), pause()}, IntOrPercent::pods(1));
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(sizes(s.world) == "v1:1/1 v2:1/1");
  s.scaleTo(8);
  s.converge();
  CHECK(sizes(s.world) == "v1:6/6 v2:2/2");
  s.scaleTo(4);
  s.converge();
  CHECK(sizes(s.world) == "v1:3/3 v2:1/1");
  CHECK(s.phase() == "Paused");
  CHECK(s.set("v1").desired_replicas == 4);
}

TEST_CASE("a rollout that a person paused still follows its number of replicas, and nothing else") {
  Scenario s(canary({setWeight(50)}), 2);
  s.deployFirst();
  s.world.spec.paused = true;
  s.changeTemplate("v2");
  s.converge();
  CHECK(sizes(s.world) == "v1:2/2 v2:0/0");
  CHECK(s.phase() == "Paused");
  CHECK(s.status().message == "manually paused");
  s.scaleTo(4);
  s.converge();
  CHECK(s.size("v1") + s.size("v2") >= 4);
  s.promote();
  s.converge();
  CHECK(sizes(s.world) == "v1:0/0 v2:4/4");
}

TEST_CASE("abort works while a person has paused the rollout") {
  Scenario s(canary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.world.spec.paused = true;
  s.abort();
  s.converge();
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0");
  CHECK(s.phase() == "Degraded");
}

TEST_CASE("scale to zero and back, also in the middle") {
  Scenario s(canary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.scaleTo(0);
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(sizes(s.world) == "v1:0/0");
  s.scaleTo(2);
  s.converge();
  CHECK(sizes(s.world) == "v1:2/2");
  s.changeTemplate("v2");
  s.converge();
  s.scaleTo(0);
  s.converge();
  CHECK(sizes(s.world) == "v1:0/0 v2:0/0");
  CHECK(s.phase() == "Paused");
  s.scaleTo(2);
  s.converge();
  CHECK(sizes(s.world) == "v1:1/1 v2:1/1");
}

TEST_CASE("promote --full skips what is left, pauses and analysis included") {
  Scenario s(canary({setWeight(25), pause(), analysis(), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.promoteFull();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(sizes(s.world) == "v1:0/0 v2:4/4");
  CHECK(s.world.analysis_runs.empty());
  CHECK_FALSE(s.status().promote_full);
  CHECK(s.said("Full promotion requested"));
}

TEST_CASE("promote --full of an aborted rollout takes the abort back; an abort of a full promotion wins") {
  Scenario s(canary({setWeight(25), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.abort();
  s.converge();
  s.promoteFull();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.status().stable_rs == "v2");

  s.changeTemplate("v3");
  s.converge();
  s.promoteFull();
  s.settle();
  CHECK(s.status().promote_full);
  s.abort();
  s.converge();
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().stable_rs == "v2");
  CHECK(s.size("v2") == 4);
  CHECK(s.size("v3") == 0);
}

TEST_CASE("an abort of what is stable has nothing to take back, and does not loop") {
  Scenario s(canary({setWeight(25), pause()}), 4);
  s.deployFirst();
  s.abort();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK_FALSE(s.status().abort);
}

TEST_CASE("the stored step hash of another controller is adopted, not acted on") {
  Scenario s(canary({setWeight(25), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.world.step_hash = "encoded-otherwise";
  s.converge();
  CHECK(s.phase() == "Paused");
  CHECK(s.status().current_step_index == 1);
  CHECK(s.status().current_step_hash == "encoded-otherwise");
  // A person's edit of the steps starts over.
  s.world.step_hash = "edited";
  ++s.world.generation;
  s.promote();
  s.settle();
  CHECK(s.status().current_step_hash == "edited");
  CHECK(s.status().current_step_index.value_or(9) <= 1);
}

TEST_CASE("history: the oldest versions beyond the limit are deleted, used ones never") {
  Scenario s(canary({}), 2);
  s.world.spec.revision_history_limit = 2;
  s.deployFirst();
  for (const char* hash : {"v2", "v3", "v4", "v5"}) {
    s.changeTemplate(hash);
    s.converge();
    s.advance(10s);
  }
  CHECK(sizes(s.world) == "v3:0/0 v4:0/0 v5:2/2");
}

TEST_CASE("services without routing follow availability") {
  model::CanaryStrategy strategy = canary({setWeight(50), pause()});
  strategy.stable_service = "stable";
  strategy.canary_service = "canary";
  Scenario s(strategy, 2);
  s.deployFirst();
  CHECK(s.selector(ServiceRole::kStable) == "v1");
  CHECK(s.selector(ServiceRole::kCanary) == "v1");
  CHECK(s.world.services[0].service.managed_by == "shop");
  s.changeTemplate("v2");
  s.settle();
  CHECK(s.selector(ServiceRole::kCanary) == "v1");  // nothing of v2 is ready
  s.converge();
  CHECK(s.selector(ServiceRole::kCanary) == "v2");
  CHECK(s.said("SwitchService: Switched selector for service 'canary' from 'v1' to 'v2'"));
  s.abort();
  s.converge();
  CHECK(s.selector(ServiceRole::kCanary) == "v1");
}

TEST_CASE("spec.replicas is filled in once the ReplicaSet exists") {
  Scenario s(canary({}), 1);
  s.world.spec.replicas.reset();
  s.changeTemplate("v1");
  s.converge();
  CHECK(s.did(SetReplicasDefault{1}));
  CHECK(sizes(s.world) == "v1:1/1");
}

TEST_CASE("a name that is taken counts up the collisions; another failure is a condition") {
  Scenario s(canary({}), 1);
  s.changeTemplate("v1");
  s.world.create_failure = CreateFailure{"shop-v1", "exists", true};
  Decision decision = decide(s.world, s.now);
  REQUIRE(decision.actions.size() == 1);
  CHECK(std::get<PatchStatus>(decision.actions[0]).next.collision_count == 1);
  s.world.create_failure = CreateFailure{"shop-v1", "quota exceeded", false};
  s.settle();
  CHECK(s.conditionReason("Progressing") == "False/ReplicaSetCreateError");
  CHECK(s.said("Failed to create new replica set \"shop-v1\": quota exceeded"));
  CHECK(s.next_look == s.now + 10s);
}

}  // namespace
}  // namespace towpath::rollout::test
