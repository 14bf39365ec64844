// The step experiment: alone, paused, aborted, skipped, promoted, with another template; its traffic and its history.
#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

using model::AnalysisPhase;

model::Step experiment(std::optional<std::int32_t> weight = std::nullopt) {
  model::ExperimentStep step;
  step.templates = {{"baseline", "stable", 1, weight}, {"trial", "canary", 1, weight}};
  return step;
}

ExperimentView* find(Scenario& s, const std::string& name) {
  const auto found = std::ranges::find(s.world.experiments, name, &ExperimentView::name);
  return found == s.world.experiments.end() ? nullptr : &*found;
}

ExperimentView& get(Scenario& s, const std::string& name) {
  REQUIRE_MESSAGE(find(s, name) != nullptr, name);
  return *find(s, name);
}

void report(Scenario& s, const std::string& name, AnalysisPhase phase, const std::string& message = "") {
  get(s, name).phase = phase;
  get(s, name).message = message;
}

void run(Scenario& s, const std::string& name) {
  report(s, name, AnalysisPhase::kRunning);
  get(s, name).templates = {{"baseline", name + "-baseline", "b"}, {"trial", name + "-trial", "t"}};
}

std::string additional(const Scenario& s) {
  std::string text;
  for (const model::WeightDestination& each : s.status().canary.weights->additional)
    text += fmt::format("{}={} ", each.service_name, each.weight);
  return text;
}

// At its experiment step, which is running as shop-v2-2-<step>.
void startExperiment(Scenario& s, std::int32_t step = 0) {
  s.deployFirst();
  CHECK(s.world.experiments.empty());
  s.changeTemplate("v2");
  s.converge();
  run(s, fmt::format("shop-v2-2-{}", step));
  s.converge();
}

TEST_CASE("an experiment is made from both versions, and its success completes the step") {
  Scenario s(canary({setWeight(25), experiment(), pause()}));
  startExperiment(s, 1);
  StartExperiment start;
  start.step_index = 1;
  start.name = "shop-v2-2-1";
  start.hash = "v2";
  start.stable_hash = "v1";
  start.revision = 2;
  start.canary_set = "shop-v2";
  start.stable_set = "shop-v1";
  CHECK(s.did(start));
  CHECK(s.status().canary.current_experiment == "shop-v2-2-1");
  CHECK(s.status().current_step_index == 1);
  CHECK(s.phase() == "Progressing");

  report(s, "shop-v2-2-1", AnalysisPhase::kSuccessful);
  s.converge();
  CHECK(s.said("Rollout step 2/3 completed (experiment)"));
  CHECK(s.status().canary.current_experiment == "");
  CHECK(s.phase() == "Paused");
  CHECK(s.world.experiments.size() == 1);
}

TEST_CASE("a failed experiment aborts with its message, a retry makes another one") {
  Scenario s(canary({experiment(), pause()}));
  startExperiment(s);
  report(s, "shop-v2-2-0", AnalysisPhase::kFailed, "too slow");
  s.converge();
  CHECK(s.phase() == "Degraded");
  CHECK(s.said("Experiment analysis phase is error/failed: too slow"));
  CHECK(s.status().canary.current_experiment == "");
  s.retry();
  s.converge();
  CHECK(s.status().canary.current_experiment == "shop-v2-2-0-1");
  report(s, "shop-v2-2-0-1", AnalysisPhase::kSuccessful);
  s.converge();
  CHECK(s.phase() == "Paused");
}

TEST_CASE("an inconclusive experiment waits for a person, whose word is the verdict") {
  Scenario s(canary({experiment(), setWeight(50), pause()}));
  startExperiment(s);
  report(s, "shop-v2-2-0", AnalysisPhase::kInconclusive);
  s.converge();
  CHECK(s.phase() == "Paused");
  CHECK(s.status().message == "InconclusiveExperiment");
  CHECK(s.status().current_step_index == 0);
  SUBCASE("promote goes on") {
    s.promote();
    s.converge();
    CHECK(s.status().current_step_index == 2);
    CHECK(s.world.experiments.size() == 1);
  }
  SUBCASE("an abort is carried out") {
    s.abort();
    s.converge();
    CHECK(s.phase() == "Degraded");
  }
  SUBCASE("a new size is carried out meanwhile") {
    s.scaleTo(6);
    s.converge();
    CHECK(s.size("v1") == 6);
    CHECK(s.phase() == "Paused");
  }
}

TEST_CASE("whatever takes the rollout away from its step ends the experiment") {
  Scenario s(canary({experiment(), setWeight(50), pause()}));
  startExperiment(s);
  SUBCASE("abort") {
    s.abort();
    s.settle();
    CHECK(s.phase() == "Degraded");
  }
  SUBCASE("promote past the step") {
    s.promote();
    s.settle();
    CHECK(s.status().current_step_index == 1);
  }
  SUBCASE("promote --full") {
    s.promoteFull();
    s.settle();
  }
  SUBCASE("another template") {
    s.changeTemplate("v3");
    s.settle();
    CHECK(s.status().current_pod_hash == "v3");
  }
  SUBCASE("undo") {
    s.changeTemplate("v1");
    s.settle();
  }
  SUBCASE("other steps") {
    std::get<model::CanaryStrategy>(s.world.spec.strategy).steps = {setWeight(10), pause()};
    s.world.step_hash = "s2";
    ++s.world.generation;
    s.settle();
  }
  CHECK(get(s, "shop-v2-2-0").terminate);
  CHECK(s.status().canary.current_experiment != "shop-v2-2-0");
  const int patches = s.patches;
  s.abort();
  s.abort();
  s.settle();
  s.settle();
  CHECK(s.patches <= patches + 2);
}

TEST_CASE("the first deployment and a paused rollout start no experiment") {
  Scenario s(canary({experiment(), pause()}));
  s.world.spec.paused = true;
  s.changeTemplate("v1");
  s.converge();
  s.world.spec.paused = false;
  ++s.world.generation;
  s.converge();
  CHECK(s.world.experiments.empty());
  s.world.spec.paused = true;
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.world.experiments.empty());
  s.world.spec.paused = false;
  ++s.world.generation;
  s.converge();
  CHECK(find(s, "shop-v2-2-0") != nullptr);
}

TEST_CASE("an experiment whose name did not reach the status is found again") {
  Scenario s(canary({experiment(), pause()}));
  startExperiment(s);
  s.world.status.canary.current_experiment = "";
  s.converge();
  CHECK(s.world.experiments.size() == 1);
  CHECK(s.status().canary.current_experiment == "shop-v2-2-0");
}

TEST_CASE("an experiment that is gone is made again") {
  Scenario s(canary({experiment(), pause()}));
  startExperiment(s);
  s.world.experiments.clear();
  s.converge();
  CHECK(s.world.experiments.size() == 1);
}

TEST_CASE("an experiment that nobody takes up does not hold the rollout for ever") {
  Scenario s(canary({experiment(), pause()}));
  s.world.spec.progress_deadline_abort = true;
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.next_look.has_value());
  s.follow(700s);
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().abort);
  CHECK(get(s, "shop-v2-2-0").terminate);
}

TEST_CASE("one that cannot be made is said, and the progress deadline applies") {
  Scenario s(canary({experiment(), pause()}));
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.world.experiments.clear();
  s.world.experiment_failure = ExperimentFailure{"shop-v2-2-0", "no template"};
  const Decision decision = decide(s.world, s.now);
  CHECK(std::ranges::any_of(decision.actions, [](const Action& action) {
    return toString(action) ==
           "event (warning) ExperimentCreateError: Failed to create Experiment 'shop-v2-2-0': no template";
  }));
  CHECK(decision.look_again_at.has_value());
}

TEST_CASE("templates with a weight take their share from stable while the experiment runs") {
  Scenario s(routedCanary({setWeight(20), experiment(5), setWeight(50), pause()}), 10);
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(s.status().canary.weights->stable.weight == 80);
  run(s, "shop-v2-2-1");
  s.converge();
  CHECK(additional(s) == "shop-v2-2-1-baseline=5 shop-v2-2-1-trial=5 ");
  CHECK(s.status().canary.weights->stable.weight == 70);
  CHECK(s.weight() == 20);
  CHECK(
      s.said("Traffic weight updated from 20 to 20, additional: [{5 shop-v2-2-1-baseline b} {5 shop-v2-2-1-trial t}]"));
  SUBCASE("and give it back when it ends") {
    report(s, "shop-v2-2-1", AnalysisPhase::kSuccessful);
    s.converge();
    CHECK(additional(s) == "");
    CHECK(s.weight() == 50);
  }
  SUBCASE("and when the rollout is aborted, in the same turn") {
    s.abort();
    s.settle();
    CHECK(s.weight() == 0);
    CHECK(s.world.traffic.applied->additional.empty());
    CHECK(get(s, "shop-v2-2-1").terminate);
  }
  SUBCASE("also while the canary has lost its pods") {
    s.runPods("v2", 0);
    s.settle();
    CHECK(s.weight() == 0);
    CHECK(additional(s) == "shop-v2-2-1-baseline=5 shop-v2-2-1-trial=5 ");
  }
}

TEST_CASE("weights that leave stable less than nothing are refused") {
  Scenario s(routedCanary({setWeight(95), experiment(3)}));
  s.changeTemplate("v1");
  s.settle();
  CHECK(s.status().message.find("spec.strategy.steps[1].experiment.templates[1].weight") != std::string::npos);
}

TEST_CASE("ended experiments are kept up to the limits, those of removed versions are not") {
  Scenario s(canary({experiment()}));
  s.world.spec.successful_run_history_limit = 1;
  s.world.spec.unsuccessful_run_history_limit = 0;
  s.deployFirst();
  for (int i = 0; i < 3; ++i) {
    s.world.experiments.push_back({.name = fmt::format("good-{}", i),
                                   .hash = "v1",
                                   .phase = AnalysisPhase::kSuccessful,
                                   .message = "",
                                   .creation_time = s.now + std::chrono::seconds(i)});
  }
  s.world.experiments.push_back({.name = "bad", .hash = "v1", .phase = AnalysisPhase::kFailed});
  s.world.experiments.push_back({.name = "stray", .hash = "v0", .phase = AnalysisPhase::kSuccessful});
  s.settle();
  std::string kept;
  for (const ExperimentView& each : s.world.experiments) kept += each.deleting ? "" : each.name + " ";
  CHECK(kept == "good-2 ");
}

}  // namespace
}  // namespace towpath::rollout::test
