#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

using model::AnalysisPhase;

model::BlueGreenStrategy manual() {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.auto_promotion_enabled = false;
  return strategy;
}

TEST_CASE("the first version: the peer's order of events, active once it is whole") {
  model::BlueGreenStrategy plain = blueGreen();
  plain.preview_service = "";
  Scenario s(plain, 3);
  s.changeTemplate("v1");
  s.settle();
  CHECK(s.selector(ServiceRole::kActive) == "");
  CHECK(s.status().stable_rs == "v1");
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.phase() == "Healthy");
  CHECK(s.eventReasons() == std::vector<std::string>{"RolloutUpdated", "NewReplicaSetCreated", "ScalingReplicaSet",
                                                     "RolloutCompleted", "SwitchService"});
  CHECK(s.status().selector == "app=shop,rollouts-pod-template-hash=v1");
  CHECK_FALSE(s.status().current_step_index.has_value());
}

TEST_CASE("automatic promotion: preview at once, active when the new version is whole, the old one after its delay") {
  Scenario s(blueGreen(), 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.settle();
  CHECK(s.selector(ServiceRole::kPreview) == "v2");
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.status().message == "more replicas need to be updated");
  s.runPods("v2", 2);
  s.settle();
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.status().replicas == 6);
  CHECK(s.status().updated_replicas == 3);
  CHECK(s.status().ready_replicas == 3);
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v2");
  CHECK(s.selector(ServiceRole::kPreview) == "v2");
  CHECK(s.phase() == "Healthy");
  CHECK(s.status().hpa_replicas == 3);
  CHECK(s.size("v1") == 3);
  CHECK(s.set("v1").scale_down_deadline == s.now + 30s);
  s.follow(31s);
  CHECK(sizes(s.world) == "v1:0/0 v2:3/3");
}

TEST_CASE("manual promotion waits for a person, for ever") {
  Scenario s(manual(), 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.phase() == "Paused");
  CHECK(s.status().message == "BlueGreenPause");
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  s.follow(24h);
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  s.promote();
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v2");
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("a promotion while a pod is away is not forgotten") {
  Scenario s(manual(), 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.promote();
  s.runPods("v2", 2);
  s.settle();
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v2");
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("autoPromotionSeconds promotes after the time; a person may do it earlier") {
  model::BlueGreenStrategy timed = blueGreen();
  timed.auto_promotion_seconds = 60;
  Scenario s(timed, 2);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.phase() == "Paused");
  CHECK(s.next_look == s.now + 60s);
  s.advance(59s);
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  s.advance(1s);
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v2");

  s.follow(120s);
  s.changeTemplate("v3");
  s.converge();
  REQUIRE(s.phase() == "Paused");
  s.promote();
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v3");
}

TEST_CASE("autoPromotionEnabled: false wins over autoPromotionSeconds") {
  model::BlueGreenStrategy strategy = manual();
  strategy.auto_promotion_seconds = 10;
  Scenario s(strategy, 1);
  s.deployFirst();
  s.changeTemplate("v2");
  s.follow(3600s);
  CHECK(s.selector(ServiceRole::kActive) == "v1");
}

TEST_CASE("previewReplicaCount: small while it is looked at, whole before the switch") {
  model::BlueGreenStrategy strategy = manual();
  strategy.preview_replica_count = 1;
  Scenario s(strategy, 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(sizes(s.world) == "v1:3/3 v2:1/1");
  CHECK(s.phase() == "Paused");
  s.promote();
  s.settle();
  CHECK(s.size("v2") == 3);
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.status().blue_green.scale_up_preview_checkpoint);
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v2");
  CHECK_FALSE(s.status().blue_green.scale_up_preview_checkpoint);
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("abort before the switch: active untouched, the preview goes after its delay") {
  Scenario s(manual(), 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.abort();
  s.converge();
  CHECK(s.phase() == "Degraded");
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.size("v2") == 3);
  s.follow(31s);
  CHECK(sizes(s.world) == "v1:3/3 v2:0/0");
  s.retry();
  s.converge();
  CHECK(s.phase() == "Paused");
  s.promote();
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v2");
}

TEST_CASE("abort after the switch goes back at once, even if the new version is falling apart") {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.post_promotion_analysis = analysisRefTo("smoke");
  Scenario s(strategy, 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.selector(ServiceRole::kActive) == "v2");
  CHECK(s.status().stable_rs == "v1");
  CHECK(s.status().message == "waiting for analysis to complete");
  s.runPods("v2", 1);
  s.abort();
  s.settle();
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.phase() == "Degraded");
}

TEST_CASE("pre-promotion analysis decides about the switch") {
  const auto tried = [](AnalysisPhase phase) {
    model::BlueGreenStrategy strategy = blueGreen();
    strategy.pre_promotion_analysis = analysisRefTo("smoke");
    Scenario s(strategy, 2);
    s.deployFirst();
    CHECK(s.world.analysis_runs.empty());
    s.changeTemplate("v2");
    s.settle();
    CHECK(s.world.analysis_runs.empty());  // not before it is whole
    s.converge();
    REQUIRE(s.world.analysis_runs.size() == 1);
    CHECK(s.world.analysis_runs[0].name == "shop-v2-2-pre");
    CHECK(s.selector(ServiceRole::kActive) == "v1");
    s.runPods("v2", 1);  // a pod that comes and goes does not stop the run
    s.settle();
    CHECK_FALSE(s.world.analysis_runs[0].terminate);
    s.runPods();
    s.finishRun("shop-v2-2-pre", phase, "because");
    s.converge();
    return s.phase() + " " + s.selector(ServiceRole::kActive) + " " + s.status().message;
  };
  CHECK(tried(AnalysisPhase::kSuccessful) == "Healthy v2 ");
  CHECK(tried(AnalysisPhase::kFailed) ==
        "Degraded v1 RolloutAborted: Rollout aborted update to revision 2: Blue/green pre-promotion analysis phase "
        "error/failed: because");
  CHECK(tried(AnalysisPhase::kInconclusive) == "Paused v1 InconclusiveAnalysisRun");
}

TEST_CASE("post-promotion analysis decides whether the new version is stable; the old one stays until then") {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.post_promotion_analysis = analysisRefTo("smoke");
  Scenario s(strategy, 2);
  s.deployFirst();
  s.changeTemplate("v2");
  s.follow(120s);
  CHECK(s.size("v1") == 2);
  REQUIRE(s.world.analysis_runs.size() == 1);
  CHECK(s.world.analysis_runs[0].name == "shop-v2-2-post");
  SUBCASE("good") {
    s.finishRun("shop-v2-2-post", AnalysisPhase::kSuccessful);
    s.converge();
    CHECK(s.phase() == "Healthy");
    CHECK(s.status().stable_rs == "v2");
    CHECK(s.status().blue_green.post_promotion_analysis->phase == AnalysisPhase::kSuccessful);
  }
  SUBCASE("bad") {
    s.finishRun("shop-v2-2-post", AnalysisPhase::kError);
    s.settle();
    CHECK(s.selector(ServiceRole::kActive) == "v1");
    CHECK(s.phase() == "Degraded");
  }
}

TEST_CASE("abort after the switch waits for a stable pod that can answer") {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.post_promotion_analysis = analysisRefTo("smoke");
  Scenario s(strategy, 2);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.runPods("v1", 0);
  s.abort();
  s.settle();
  CHECK(s.selector(ServiceRole::kActive) == "v2");
  CHECK(s.size("v2") == 2);
  s.runPods("v1", 1);
  s.settle();
  CHECK(s.selector(ServiceRole::kActive) == "v1");
}

TEST_CASE("a retry is judged anew") {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.pre_promotion_analysis = analysisRefTo("smoke");
  Scenario s(strategy, 2);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.finishRun("shop-v2-2-pre", AnalysisPhase::kFailed);
  s.converge();
  REQUIRE(s.phase() == "Degraded");
  s.retry();
  s.converge();
  CHECK(s.phase() == "Progressing");
  REQUIRE(s.world.analysis_runs.size() == 2);
  CHECK(s.status().blue_green.pre_promotion_analysis->name == "shop-v2-2-pre.1");
  s.finishRun("shop-v2-2-pre.1", AnalysisPhase::kSuccessful);
  s.converge();
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("undo within the scale-down delay is instant, with neither pause nor analysis") {
  model::BlueGreenStrategy strategy = manual();
  strategy.pre_promotion_analysis = analysisRefTo("smoke");
  Scenario s(strategy, 2);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.finishRun("shop-v2-2-pre", AnalysisPhase::kSuccessful);
  s.converge();
  s.promote();
  s.converge();
  REQUIRE(s.phase() == "Healthy");
  REQUIRE(s.set("v1").scale_down_deadline.has_value());
  s.changeTemplate("v1");
  s.settle();  // no pod had to change
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.status().stable_rs == "v1");
  CHECK(s.world.analysis_runs.size() == 1);
}

TEST_CASE("the template changes while the preview is looked at") {
  Scenario s(manual(), 2);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.changeTemplate("v3");
  s.converge();
  CHECK(s.phase() == "Paused");
  CHECK(s.selector(ServiceRole::kPreview) == "v3");
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  s.follow(31s);
  CHECK(sizes(s.world) == "v1:2/2 v2:0/0 v3:2/2");
}

TEST_CASE("scaling: both versions follow, also while the old one waits for its end") {
  Scenario s(blueGreen(), 2);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.scaleTo(5);
  s.converge();
  CHECK(sizes(s.world) == "v1:5/5 v2:5/5");
  CHECK(s.phase() == "Healthy");
  s.scaleTo(0);
  s.converge();
  CHECK(s.size("v2") == 0);
}

TEST_CASE("promote --full skips pause and analyses") {
  model::BlueGreenStrategy strategy = manual();
  strategy.preview_replica_count = 1;
  strategy.pre_promotion_analysis = analysisRefTo("smoke");
  strategy.post_promotion_analysis = analysisRefTo("smoke");
  Scenario s(strategy, 3);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.promoteFull();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.selector(ServiceRole::kActive) == "v2");
  CHECK_FALSE(s.status().promote_full);
}

TEST_CASE("a paused spec keeps services, sizes follow") {
  Scenario s(blueGreen(), 2);
  s.deployFirst();
  s.world.spec.paused = true;
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.selector(ServiceRole::kPreview) == "v1");
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.status().message == "manually paused");
  s.promote();
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v2");
}

TEST_CASE("from canary to blue-green: what runs becomes active, no new version") {
  Scenario s(blueGreen(), 2);
  s.deployFirst();
  for (ServiceView& view : s.world.services) view.service.selector_hash = "";
  s.world.status.blue_green = {};
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.phase() == "Healthy");
  CHECK(s.world.replica_sets.size() == 1);
}

}  // namespace
}  // namespace towpath::rollout::test
