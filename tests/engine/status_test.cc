#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

TEST_CASE("an invalid spec is the only condition of a new rollout, and nothing is made") {
  Scenario s(canary({}), 1);
  s.changeTemplate("v1");
  s.world.invalid = "spec.strategy.steps[0].setWeight: Invalid value: 101: SetWeight needs to be between 0 and 100";
  s.settle();
  CHECK(s.status().conditions.size() == 1);
  CHECK(s.conditionReason("InvalidSpec") == "True/InvalidSpec");
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().message ==
        "InvalidSpec: The Rollout \"shop\" is invalid: spec.strategy.steps[0].setWeight: Invalid value: 101: SetWeight "
        "needs to be between 0 and 100");
  CHECK(s.actions.empty());
  CHECK(s.next_look == s.now + 10s);

  s.world.invalid = "spec.replicas: Invalid value: -1: must be greater than or equal to 0";
  s.settle();
  CHECK(s.status().conditions.size() == 1);
  CHECK(s.status().conditions[0].message.find("-1") != std::string::npos);

  s.world.invalid.reset();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.conditionReason("InvalidSpec") == "");
}

TEST_CASE("an invalid edit keeps what runs") {
  Scenario s(canary({setWeight(50), pause()}), 2);
  s.deployFirst();
  const model::RolloutStatus before = s.status();
  s.changeTemplate("v2");
  s.world.invalid = "spec.selector: Invalid value: {}";
  s.settle();
  CHECK(s.status().stable_rs == before.stable_rs);
  CHECK(s.status().replicas == before.replicas);
  CHECK(s.world.replica_sets.size() == 1);
}

TEST_CASE("steps that nobody carries out are a condition, never skipped") {
  struct Row {
    model::Step step;
    const char* text;
  };
  const Row rows[] = {{model::InvalidStep{}, "\"invalid\""}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    Scenario s(canary({setWeight(10), row.step}), 2);
    s.changeTemplate("v1");
    s.settle();
    CHECK(s.phase() == "Degraded");
    CHECK(s.status().message.find("spec.strategy.steps[1]") != std::string::npos);
    CHECK(s.status().message.find(row.text) != std::string::npos);
    CHECK(s.world.replica_sets.empty());
  }
}

TEST_CASE("numbers out of range are refused before any arithmetic") {
  const auto message = [](model::CanaryStrategy strategy, std::int32_t replicas) {
    Scenario s(std::move(strategy), replicas);
    s.changeTemplate("v1");
    s.settle();
    CHECK(s.world.replica_sets.empty());
    return s.status().message;
  };
  CHECK(message(canary({}), -1).find("spec.replicas: Invalid value: -1") != std::string::npos);
  CHECK(message(canary({}), 2'000'000'000).find("spec.replicas") != std::string::npos);
  CHECK(message(canary({setWeight(101)}), 1).find("spec.strategy.steps[0].setWeight: Invalid value: 101") !=
        std::string::npos);
  model::CanaryStrategy routed = routedCanary({model::SetCanaryScaleStep{-2, std::nullopt, false}});
  CHECK(message(routed, 1).find("setCanaryScale.replicas: Invalid value: -2") != std::string::npos);
  routed.traffic_routing->max_traffic_weight = 0;
  CHECK(message(routed, 1).find("maxTrafficWeight: Invalid value: 0") != std::string::npos);
}

TEST_CASE("no progress until the deadline: Degraded; it recovers by itself") {
  Scenario s(canary({setWeight(50), pause()}), 2);
  s.world.spec.progress_deadline_seconds = 60;
  s.deployFirst();
  s.changeTemplate("v2");
  s.settle();
  REQUIRE(s.next_look.has_value());
  CHECK(*s.next_look == s.now + 61s);
  s.advance(59s);
  s.settle();
  CHECK(s.phase() == "Progressing");
  s.advance(2s);
  s.settle();
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().message == "ProgressDeadlineExceeded: ReplicaSet \"shop-v2\" has timed out progressing.");
  CHECK_FALSE(s.status().abort);
  s.converge();
  CHECK(s.phase() == "Paused");
}

TEST_CASE("progressDeadlineAbort aborts in the same patch; exactly four conditions") {
  Scenario s(blueGreen(), 2);
  s.world.spec.progress_deadline_seconds = 60;
  s.world.spec.progress_deadline_abort = true;
  s.deployFirst();
  s.changeTemplate("v2");
  s.settle();
  const int patches = s.patches;
  s.advance(61s);
  s.settle();
  CHECK(s.patches <= patches + 2);
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().abort);
  CHECK(s.status().conditions.size() == 4);
  CHECK(s.conditionReason("Progressing") == "False/RolloutAborted");
  CHECK(s.said("RolloutAborted: ReplicaSet \"shop-v2\" has timed out progressing."));
  CHECK(s.selector(ServiceRole::kActive) == "v1");
}

TEST_CASE("progress in the last moment is progress") {
  Scenario s(canary({setWeight(50), pause()}), 2);
  s.world.spec.progress_deadline_seconds = 60;
  s.world.spec.progress_deadline_abort = true;
  s.deployFirst();
  s.changeTemplate("v2");
  s.settle();
  s.advance(61s);
  s.runPods();
  s.settle();
  CHECK_FALSE(s.status().abort);
  s.converge();
  CHECK(s.phase() == "Paused");
}

TEST_CASE("a completed rollout that loses pods does not abort itself") {
  Scenario s(canary({}), 2);
  s.world.spec.progress_deadline_seconds = 60;
  s.world.spec.progress_deadline_abort = true;
  s.deployFirst();
  s.runPods("v1", 1);
  s.settle();
  CHECK(s.phase() == "Progressing");
  CHECK(s.conditionReason("Progressing") == "True/ReplicaSetNotAvailable");
  s.advance(300s);
  s.settle();
  CHECK_FALSE(s.status().abort);
  CHECK(s.phase() == "Degraded");
  s.converge();
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("pauses and analyses have no deadline") {
  Scenario s(canary({setWeight(50), pause(), analysis()}), 2);
  s.world.spec.progress_deadline_seconds = 60;
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.follow(3600s);
  CHECK(s.phase() == "Paused");
  s.promote();
  s.converge();
  s.follow(3600s);
  CHECK(s.phase() == "Progressing");
}

TEST_CASE("restart: old pods go within the budget, then it is done") {
  Scenario s(canary({}, IntOrPercent::pods(0), IntOrPercent::pods(1)), 3);
  s.deployFirst();
  const WallTime old = s.now - 100s;
  for (const char* name : {"a", "b", "c"}) s.world.pods.push_back({name, old, true, false});
  s.world.spec.restart_at = s.now;
  CHECK(restartPending(s.world, s.now));
  s.settle();
  CHECK(s.did(EvictPod{"a"}));
  CHECK_FALSE(s.did(EvictPod{"b"}));
  CHECK(s.status().message == "rollout is restarting");
  CHECK(s.next_look == s.now + 30s);
  for (PodView& pod : s.world.pods) {
    s.actions.clear();
    pod = {pod.name + "2", s.now, true, false};
    s.advance(5s);
    s.settle();
  }
  CHECK(s.status().restarted_at == s.world.spec.restart_at);
  CHECK(s.phase() == "Healthy");
  CHECK_FALSE(restartPending(s.world, s.now));
}

TEST_CASE("a restart in the future waits for its time") {
  Scenario s(canary({}), 1);
  s.deployFirst();
  s.world.spec.restart_at = s.now + 100s;
  s.settle();
  CHECK(s.next_look == s.now + 100s);
}

TEST_CASE("a failure of a ReplicaSet is shown and forgotten") {
  Scenario s(canary({}), 1);
  s.deployFirst();
  s.set("v1").failure =
      model::Condition{"ReplicaFailure", model::ConditionStatus::kTrue, "FailedCreate", "quota", {}, {}};
  s.settle();
  CHECK(s.conditionReason("ReplicaFailure") == "True/FailedCreate");
  s.set("v1").failure.reset();
  s.settle();
  CHECK(s.conditionReason("ReplicaFailure") == "");
}

TEST_CASE("the patch is guarded when it touches what people write") {
  Scenario s(canary({setWeight(50), pause()}), 2);
  s.deployFirst();
  s.runPods("v1", 1);
  Decision decision = decide(s.world, s.now);
  CHECK_FALSE(std::get<PatchStatus>(decision.actions.at(0)).guarded);
  s.runPods();
  s.changeTemplate("v2");
  s.converge();
  s.promote();
  decision = decide(s.world, s.now);
  bool guarded = false;
  for (const Action& action : decision.actions) {
    if (const auto* patch = std::get_if<PatchStatus>(&action)) guarded = patch->guarded;
  }
  CHECK(guarded);
}

TEST_CASE("the duration of an attempt, with the time that people let it wait apart") {
  Scenario s(canary({setWeight(50), pause(), pauseFor("10s")}), 2);
  s.deployFirst();
  REQUIRE(s.status().duration.has_value());
  CHECK(s.status().duration->completion_status == "Promoted");
  s.changeTemplate("v2");
  const WallTime begin = s.now;
  s.converge();
  CHECK(s.status().duration->started_at == begin);
  CHECK(s.status().duration->manual_pause_started_at == begin);
  s.advance(100s);
  s.promote();
  s.converge();
  CHECK(s.status().duration->manual_pause_seconds == 100);
  s.follow(20s);
  CHECK(s.status().duration->finished_at == begin + 110s);
  CHECK(s.status().duration->completion_status == "Promoted");
  s.changeTemplate("v3");
  s.converge();
  s.abort();
  s.converge();
  CHECK(s.status().duration->completion_status == "Aborted");
  CHECK(s.status().duration->finished_at.has_value());
}

TEST_CASE("set-based selectors keep their commas") {
  Scenario s(blueGreen(), 1);
  s.world.selector_text = "app in (a,b),tier=web";
  s.deployFirst();
  CHECK(s.status().selector == "app in (a,b),rollouts-pod-template-hash=v1,tier=web");
}

TEST_CASE("toString names every action") {
  const Action actions[] = {CreateReplicaSet{"shop-v2", "v2", 2, 3},
                            ScaleReplicaSet{"shop-v2", 0, 3, 3},
                            SwitchService{ServiceRole::kActive, "active", "v1", "v2"},
                            SetTraffic{{20, "v2", "v1", {}}, 100, false},
                            StartAnalysis{AnalysisType::kStep, 1, "shop-v2-2-1", "v2", 2, "v2", "v1"},
                            PatchStatus{{}, true},
                            EmitEvent{EventType::kWarning, "RolloutAborted", "because"}};
  const char* texts[] = {"create ReplicaSet shop-v2 (revision 2)",
                         "scale ReplicaSet shop-v2 from 0 to 3 (desired 3)",
                         "switch active service active from 'v1' to 'v2'",
                         "set traffic: 20 to v2, rest to v1",
                         "start Step analysis shop-v2-2-1",
                         "patch status:  \"\", guarded",
                         "event (warning) RolloutAborted: because"};
  for (std::size_t i = 0; i < std::size(actions); ++i) CHECK(toString(actions[i]) == texts[i]);
  CHECK(onFailure(actions[1]) == OnFailure::kEndPass);
  CHECK(onFailure(actions[6]) == OnFailure::kReportAndContinue);
}

}  // namespace
}  // namespace towpath::rollout::test
