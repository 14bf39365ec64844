#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

using model::AnalysisPhase;

model::Step canaryScale(std::optional<std::int32_t> replicas, std::optional<std::int32_t> weight, bool match = false) {
  return model::SetCanaryScaleStep{replicas, weight, match};
}

model::CanaryStrategy& strategy(Scenario& s) { return std::get<model::CanaryStrategy>(s.world.spec.strategy); }

TEST_CASE("weights follow the steps, stable stays whole, the old version goes after its delay") {
  Scenario s(routedCanary({setWeight(20), pause(), setWeight(50), pause()}), 10);
  s.deployFirst();
  CHECK(s.weight() == 0);
  s.changeTemplate("v2");
  s.settle();
  CHECK(sizes(s.world) == "v1:10/10 v2:2/0");
  CHECK(s.weight() == 0);  // nothing is ready
  s.runPods("v2", 1);
  s.settle();
  CHECK(s.weight() == 0);  // not all that the weight needs
  s.converge();
  CHECK(s.weight() == 20);
  CHECK(sizes(s.world) == "v1:10/10 v2:2/2");
  CHECK(s.status().canary.weights->canary.weight == 20);
  CHECK(s.status().canary.weights->canary.hash == "v2");
  CHECK(s.status().canary.weights->stable.weight == 80);
  CHECK(s.said("TrafficWeightUpdated: Traffic weight updated from 0 to 20"));
  s.promote();
  s.converge();
  CHECK(s.weight() == 50);
  CHECK(sizes(s.world) == "v1:10/10 v2:5/5");

  s.promote();
  s.converge();
  CHECK(s.status().stable_rs == "v2");
  CHECK(s.phase() == "Healthy");
  CHECK(s.weight() == 0);
  CHECK(s.world.traffic.applied->stable_hash == "v2");
  CHECK(s.selector(ServiceRole::kStable) == "v2");
  CHECK(s.said("from 50 to 100"));
  CHECK(s.said("from 100 to 0"));
  CHECK(sizes(s.world) == "v1:10/10 v2:10/10");
  REQUIRE(s.set("v1").scale_down_deadline.has_value());
  CHECK(*s.set("v1").scale_down_deadline == s.now + 30s);
  CHECK(s.next_look == s.now + 30s);
  s.follow(31s);
  CHECK(sizes(s.world) == "v1:0/0 v2:10/10");
  CHECK_FALSE(s.set("v1").scale_down_deadline.has_value());
}

TEST_CASE("a step that lowers the weight moves the traffic first, then the pods go") {
  Scenario s(routedCanary({setWeight(50), pause(), setWeight(0), pause(), setWeight(25), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.weight() == 50);
  s.promote();
  s.settle();
  CHECK(s.weight() == 0);
  s.converge();
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0");
  CHECK(s.status().current_step_index == 3);
  s.promote();
  s.settle();
  CHECK(s.weight() == 0);  // rises only when the pods are there
  s.converge();
  CHECK(s.weight() == 25);
  CHECK(sizes(s.world) == "v1:4/4 v2:1/1");
}

TEST_CASE("the stable service moves before the weight goes back to 0") {
  Scenario s(routedCanary({setWeight(50)}), 2);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  std::size_t moved = 0;
  std::size_t back = 0;
  for (std::size_t i = 0; i < s.actions.size(); ++i) {
    const auto* change = std::get_if<SwitchService>(&s.actions[i]);
    if (change != nullptr && change->role == ServiceRole::kStable) moved = i;
    const auto* traffic = std::get_if<SetTraffic>(&s.actions[i]);
    if (traffic != nullptr && traffic->setting.canary_weight == 0 && traffic->setting.stable_hash == "v2") back = i;
  }
  CHECK(moved > 0);
  CHECK(back > moved);
}

TEST_CASE("abort: traffic back at once, the canary stays for its delay") {
  Scenario s(routedCanary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.weight() == 50);
  s.abort();
  s.settle();  // without any pod changing
  CHECK(s.weight() == 0);
  CHECK(s.selector(ServiceRole::kCanary) == "v1");
  CHECK(s.size("v2") == 2);
  CHECK(s.phase() == "Degraded");
  const int moves = static_cast<int>(std::ranges::count_if(
      s.actions, [](const Action& action) { return std::holds_alternative<SwitchService>(action); }));
  s.converge();
  CHECK(moves == static_cast<int>(std::ranges::count_if(s.actions, [](const Action& action) {
          return std::holds_alternative<SwitchService>(action);
        })));  // the canary service does not flap
  s.follow(31s);
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0");
}

TEST_CASE("abort does not wait for the last stable pod") {
  Scenario s(routedCanary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.set("v1").available_replicas = 3;
  s.abort();
  s.settle();
  CHECK(s.weight() == 0);
  CHECK_FALSE(s.set("v2").scale_down_deadline.has_value());  // the delay starts when stable is whole
  s.converge();
  CHECK(s.set("v2").scale_down_deadline.has_value());
}

TEST_CASE("abort delays: explicit values") {
  Scenario keep(routedCanary({setWeight(50), pause()}), 4);
  strategy(keep).abort_scale_down_delay_seconds = 0;
  keep.deployFirst();
  keep.changeTemplate("v2");
  keep.converge();
  keep.abort();
  keep.follow(3600s);
  CHECK(sizes(keep.world) == "v1:4/4 v2:2/2");

  Scenario later(routedCanary({setWeight(50), pause()}), 4);
  strategy(later).abort_scale_down_delay_seconds = 1200;
  later.deployFirst();
  later.changeTemplate("v2");
  later.converge();
  later.abort();
  later.follow(1000s);
  CHECK(later.size("v2") == 2);
  later.follow(300s);
  CHECK(later.size("v2") == 0);
}

TEST_CASE("an abort while the canary is delayed can be retried: the deadline goes") {
  Scenario s(routedCanary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.abort();
  s.converge();
  REQUIRE(s.set("v2").scale_down_deadline.has_value());
  s.retry();
  s.converge();
  CHECK_FALSE(s.set("v2").scale_down_deadline.has_value());
  CHECK(s.weight() == 50);
  CHECK(s.phase() == "Paused");
}

TEST_CASE("a canary that loses all its pods loses its traffic") {
  Scenario s(routedCanary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.runPods("v2", 0);
  s.settle();
  CHECK(s.weight() == 0);
  s.runPods("v2", 2);
  s.settle();
  CHECK(s.weight() == 50);
}

TEST_CASE("setCanaryScale: explicit sizes while the weight stays, then matching again") {
  Scenario s(routedCanary({canaryScale(1, std::nullopt), pause(), canaryScale(std::nullopt, 50), setWeight(10), pause(),
                           canaryScale(std::nullopt, std::nullopt, true), pause()}),
             10);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.size("v2") == 1);
  CHECK(s.weight() == 0);
  s.promote();
  s.converge();
  CHECK(s.size("v2") == 5);
  CHECK(s.weight() == 10);
  s.promote();
  s.converge();
  CHECK(s.size("v2") == 1);
  CHECK(s.weight() == 10);
  s.promote();
  s.converge();
  CHECK(s.status().stable_rs == "v2");
}

TEST_CASE("no steps: the weight never moves, traffic switches with the stable service") {
  Scenario s(routedCanary({}), 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.selector(ServiceRole::kStable) == "v2");
  for (const Action& action : s.actions) {
    if (const auto* traffic = std::get_if<SetTraffic>(&action)) CHECK(traffic->setting.canary_weight == 0);
  }
}

TEST_CASE("an unverified weight holds the step; at the end it also keeps the old version") {
  Scenario s(routedCanary({setWeight(50), setWeight(100)}), 4);
  s.deployFirst();
  s.verifies = false;
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.weight() == 50);
  CHECK(s.status().current_step_index == 0);
  CHECK(s.next_look == s.now + 10s);
  CHECK(s.status().canary.weights->verified == false);
  s.world.traffic.verified = true;
  s.converge();
  CHECK(s.weight() == 100);
  CHECK(s.status().stable_rs == "v1");
  CHECK(s.size("v1") == 4);
  s.verifies = true;
  s.world.traffic.verified = true;
  s.converge();
  CHECK(s.status().stable_rs == "v2");
  CHECK_FALSE(s.status().canary.weights->verified.has_value());
}

TEST_CASE("the whole weight must be live before the new version is promoted") {
  Scenario s(routedCanary({setWeight(50)}), 4);
  s.deployFirst();
  s.verifies = true;
  s.changeTemplate("v2");
  s.settle();
  s.runPods();
  s.settle();
  REQUIRE(s.status().current_step_index == 1);
  s.verifies = false;
  s.converge();
  CHECK(s.weight() == 100);
  CHECK(s.status().stable_rs == "v1");
  CHECK(s.size("v1") == 4);
  CHECK(s.status().canary.weights->verified == false);
  CHECK(s.next_look == s.now + 10s);
  s.abort();
  s.settle();
  CHECK(s.weight() == 0);
}

TEST_CASE("a node that is away after the promotion changes nothing") {
  Scenario s(routedCanary({setWeight(50)}), 2);
  s.deployFirst();
  s.world.traffic.verified = false;
  CHECK(decide(s.world, s.now).actions.empty());
  CHECK_FALSE(decide(s.world, s.now).look_again_at.has_value());
}

TEST_CASE("a router that cannot tell what it carries is asked once") {
  Scenario s(routedCanary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.world.traffic.applied.reset();  // a controller that has just started
  s.settle();
  CHECK(s.actions.size() == 1);
  CHECK(std::holds_alternative<SetTraffic>(s.actions[0]));
  CHECK(s.patches == 0);
}

TEST_CASE("promote --full keeps the weight until the whole canary is ready") {
  Scenario s(routedCanary({setWeight(25), pause(), setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.promoteFull();
  s.settle();
  CHECK(s.size("v2") == 4);
  CHECK(s.weight() == 25);
  s.converge();
  CHECK(s.status().stable_rs == "v2");
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("maxTrafficWeight is the whole") {
  Scenario s(routedCanary({setWeight(200), pause()}), 10);
  strategy(s).traffic_routing->max_traffic_weight = 1000;
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.weight() == 200);
  CHECK(s.size("v2") == 2);
  CHECK(s.status().canary.weights->stable.weight == 800);
}

TEST_CASE("dynamicStableScale: stable shrinks after the traffic has moved, and grows before it comes back") {
  Scenario s(routedCanary({setWeight(25), pause(), setWeight(75), pause()}), 4);
  strategy(s).dynamic_stable_scale = true;
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(sizes(s.world) == "v1:3/3 v2:1/1");
  CHECK(s.weight() == 25);
  s.promote();
  s.converge();
  CHECK(sizes(s.world) == "v1:1/1 v2:3/3");
  CHECK(s.weight() == 75);

  s.abort();
  s.settle();
  CHECK(s.weight() == 75);   // stable could not carry more yet
  CHECK(s.size("v1") == 3);  // what the step below 75 leaves it
  CHECK(s.selector(ServiceRole::kCanary) == "v2");
  std::int32_t last = s.weight();
  for (int available = 2; available <= 4; ++available) {
    s.runPods("v1", available);
    s.settle();
    CHECK(s.weight() <= last);
    CHECK(100 - s.weight() <= 25 * available);
    last = s.weight();
  }
  s.converge();
  CHECK(s.weight() == 0);
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0");
  CHECK(s.selector(ServiceRole::kCanary) == "v1");
}

TEST_CASE("dynamicStableScale: weights that are written do not take from stable what the routers were given for it") {
  Scenario s(routedCanary({setWeight(75), pause()}), 4);
  strategy(s).dynamic_stable_scale = true;
  s.world.extensions.limit_weight_to_ready = true;
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.weight() == 75);
  // As a controller finds it that died after it had given all traffic back to v1, and before it wrote that: v2 has lost
  // its pods, v1 was not made smaller yet.
  s.set("v1").replicas = 4;
  s.runPods("v1", 4);
  s.runPods("v2", 0);
  s.world.traffic = {};
  s.actions.clear();
  s.settle();
  CHECK(s.weight() == 0);
  for (const Action& action : s.actions) {
    const auto* scaled = std::get_if<ScaleReplicaSet>(&action);
    CHECK_FALSE((scaled != nullptr && scaled->name == s.set("v1").name && scaled->to < 4));
  }
}

TEST_CASE("dynamicStableScale: an abort before the canary had any weight gives it none, whatever stable lacks") {
  Scenario s(routedCanary({setWeight(25), pause()}), 4);
  strategy(s).dynamic_stable_scale = true;
  s.deployFirst();
  s.world.status.canary.weights.reset();
  s.world.traffic = {};
  s.runPods("v1", 0);
  s.changeTemplate("v2");
  s.settle();
  s.abort();
  s.settle();
  CHECK(s.weight() <= 0);
  s.converge();
  CHECK(s.weight() == 0);
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0");
}

TEST_CASE("dynamicStableScale: undo to stable holds the weights until stable is whole") {
  Scenario s(routedCanary({setWeight(75), pause()}), 4);
  strategy(s).dynamic_stable_scale = true;
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(sizes(s.world) == "v1:1/1 v2:3/3");
  s.changeTemplate("v1");
  s.settle();
  CHECK(s.weight() == 75);
  CHECK(s.world.traffic.applied->canary_hash == "v2");
  CHECK(s.size("v1") == 4);
  s.runPods("v1", 3);
  s.settle();
  CHECK(s.weight() == 75);
  CHECK(s.size("v2") == 3);
  s.converge();
  CHECK(s.weight() == 0);
  CHECK(s.world.traffic.applied->canary_hash == "v1");
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0");
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("the template changes in the middle: the version between loses its traffic, then its pods") {
  Scenario s(routedCanary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.changeTemplate("v3");
  s.settle();
  CHECK(s.weight() == 0);
  s.converge();
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0 v3:2/2");
  CHECK(s.weight() == 50);
  CHECK(s.world.traffic.applied->canary_hash == "v3");
}

TEST_CASE("scaling in the middle keeps the shares") {
  Scenario s(routedCanary({setWeight(50), pause()}), 4);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.scaleTo(8);
  s.settle();
  CHECK(s.weight() == 50);  // unchanged while the new pods start
  s.converge();
  CHECK(sizes(s.world) == "v1:8/8 v2:4/4");
  CHECK(s.weight() == 50);
  CHECK(s.status().current_step_index == 1);
}

TEST_CASE("at most so many old versions wait for their scale-down") {
  Scenario s(routedCanary({}), 2);
  strategy(s).scale_down_delay_seconds = 600;
  strategy(s).scale_down_delay_revision_limit = 1;
  s.deployFirst();
  for (const char* hash : {"v2", "v3"}) {
    s.changeTemplate(hash);
    s.converge();
    s.advance(10s);
  }
  s.converge();
  CHECK(sizes(s.world) == "v1:0/0 v2:2/2 v3:2/2");
}

TEST_CASE(
    "background analysis: starts with the update, its failure aborts and takes the traffic back in the same turn") {
  model::CanaryStrategy with = routedCanary({setWeight(50), pause()});
  with.analysis = model::BackgroundAnalysis{analysisRefTo("errors"), std::nullopt};
  Scenario s(with, 4);
  s.deployFirst();
  CHECK(s.world.analysis_runs.empty());  // none for the first version
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.world.analysis_runs.size() == 1);
  CHECK(s.world.analysis_runs[0].name == "shop-v2-2");
  CHECK(s.status().canary.background_analysis->name == "shop-v2-2");
  s.finishRun("shop-v2-2", AnalysisPhase::kFailed, "Metric \"errors\" assessed Failed");
  const Decision first = decide(s.world, s.now);
  CHECK(first.decide_again);
  s.settle();
  CHECK(s.weight() == 0);
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().message ==
        "RolloutAborted: Rollout aborted update to revision 2: Background analysis phase error/failed: "
        "Metric \"errors\" assessed Failed");
  CHECK(s.said("AnalysisRunFailed: Background Analysis Run 'shop-v2-2' Status New: 'Failed'"));

  s.retry();
  s.converge();
  REQUIRE(s.world.analysis_runs.size() == 2);
  CHECK(s.world.analysis_runs[1].name == "shop-v2-2.1");
  CHECK(s.status().canary.background_analysis->name == "shop-v2-2.1");
  CHECK(s.weight() == 50);
}

TEST_CASE("background analysis: from its starting step, and stopped at the promotion") {
  model::CanaryStrategy with = routedCanary({setWeight(10), pause(), setWeight(50), pause()});
  with.analysis = model::BackgroundAnalysis{analysisRefTo("errors"), 2};
  Scenario s(with, 10);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.world.analysis_runs.empty());
  s.promote();
  s.converge();
  REQUIRE(s.world.analysis_runs.size() == 1);
  s.promote();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.world.analysis_runs[0].terminate);
  CHECK_FALSE(s.status().canary.background_analysis.has_value());
}

TEST_CASE("an inconclusive analysis waits for a person, who may measure again or skip") {
  Scenario s(routedCanary({setWeight(50), analysis(), setWeight(100)}), 2);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.finishRun("shop-v2-2-1", AnalysisPhase::kInconclusive);
  s.converge();
  CHECK(s.phase() == "Paused");
  CHECK(s.status().message == "InconclusiveAnalysisRun");
  CHECK(s.weight() == 50);

  s.world.status.pause_conditions.clear();  // controllerPause stays: measure again
  s.converge();
  REQUIRE(s.world.analysis_runs.size() == 2);
  CHECK(s.world.analysis_runs[1].name == "shop-v2-2-1.1");
  s.finishRun("shop-v2-2-1.1", AnalysisPhase::kInconclusive);
  s.converge();
  CHECK(s.phase() == "Paused");

  s.world.status.pause_conditions.clear();  // what `promote` sends: skip it
  s.world.status.controller_pause = false;
  ++*s.world.status.current_step_index;
  s.converge();
  CHECK(s.status().stable_rs == "v2");
}

TEST_CASE("a run that was started but did not reach the status is taken over, not made twice") {
  Scenario s(routedCanary({analysis(), pause()}), 2);
  s.deployFirst();
  s.changeTemplate("v2");
  s.settle();
  REQUIRE(s.world.analysis_runs.size() == 1);
  s.world.status.canary.step_analysis.reset();  // as if the controller had died in between
  s.settle();
  CHECK(s.world.analysis_runs.size() == 1);
  CHECK(s.status().canary.step_analysis->name == "shop-v2-2-0");
}

TEST_CASE("old runs are deleted beyond the limits") {
  Scenario s(routedCanary({analysis()}), 1);
  s.world.spec.successful_run_history_limit = 1;
  s.world.spec.unsuccessful_run_history_limit = 0;
  s.deployFirst();
  for (const char* hash : {"v2", "v3", "v4"}) {
    s.changeTemplate(hash);
    s.converge();
    s.finishRun(s.world.analysis_runs.back().name, AnalysisPhase::kSuccessful);
    s.follow(60s);
  }
  REQUIRE(s.world.analysis_runs.size() == 1);
  CHECK(s.world.analysis_runs[0].hash == "v4");
}

}  // namespace
TEST_CASE("a version that still gets requests loses no pods because others of it are not ready") {
  Scenario s(routedCanary({setWeight(50), pause()}), 8);
  s.deployFirst("v1");
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.weight() == 50);
  s.runPods("v1", 0);
  s.settle();
  s.changeTemplate("v1");
  s.settle();
  REQUIRE(s.weight() == 50);  // nobody else could answer
  s.runPods("v2", 3);
  s.settle();
  CHECK(s.size("v2") == 4);
  s.runPods("v1", 8);
  s.settle();
  CHECK(s.weight() == 0);
}

TEST_CASE("a canary that is replaced while the rollout is scaled to nothing leaves no pods") {
  Scenario s(routedCanary({setWeight(50), pause()}), 8);
  s.deployFirst("v1");
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.size("v2") == 4);
  s.changeTemplate("v3");
  s.scaleTo(0);
  s.converge();
  s.follow(100s);
  CHECK(sizes(s.world) == "v1:0/0 v2:0/0 v3:0/0");
}

}  // namespace towpath::rollout::test
