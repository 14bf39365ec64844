// An abort while the Rollout cannot be carried out as it stands: what is known suffices for the way back.
#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

constexpr const char* kError = "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds";

Scenario midway(model::CanaryStrategy strategy) {
  Scenario s(std::move(strategy), 4);
  s.deployFirst("v1");
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.phase() == "Paused");
  return s;
}

void spoil(Scenario& s) {
  ++s.world.generation;
  s.world.invalid = kError;
}

}  // namespace

TEST_CASE(
    "abort of an invalid rollout, routed canary: the weight goes back, and the spec is still said to be invalid") {
  Scenario s = midway(routedCanary({setWeight(50), pause()}));
  REQUIRE(s.weight() == 50);
  spoil(s);
  s.converge();
  CHECK(s.weight() == 50);
  s.abort();
  s.converge();
  CHECK(s.weight() == 0);
  CHECK(s.selector(ServiceRole::kCanary) == "v1");
  CHECK(s.status().aborted_at.has_value());
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().message == std::string("InvalidSpec: The Rollout \"shop\" is invalid: ") + kError);
  CHECK(s.conditionReason(model::condition::kInvalidSpec) == "True/InvalidSpec");
  CHECK(s.conditionReason(model::condition::kProgressing) == "False/RolloutAborted");
  CHECK(s.said("RolloutAborted"));

  SUBCASE("mended: it stays aborted") {
    ++s.world.generation;
    s.world.invalid.reset();
    s.converge();
    CHECK(s.status().abort);
    CHECK(s.conditionReason(model::condition::kInvalidSpec).empty());
    CHECK(s.weight() == 0);
  }
  SUBCASE("the delayed scale-down is not forgotten") {
    s.follow(10min);
    CHECK(s.size("v2") == 0);
    CHECK(s.size("v1") == 4);
  }
}

TEST_CASE("abort of an invalid rollout, canary by pods: they go back") {
  Scenario s = midway(canary({setWeight(50), pause()}));
  spoil(s);
  s.abort();
  s.converge();
  CHECK(s.size("v2") == 0);
  CHECK(s.size("v1") == 4);
}

TEST_CASE("abort of an invalid rollout, blue-green: the preview is given up, and what was switched goes back") {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.post_promotion_analysis = analysisRefTo("errors");
  Scenario s(strategy, 3);
  s.deployFirst("v1");
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.selector(ServiceRole::kActive) == "v2");
  spoil(s);
  s.abort();
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.status().aborted_at.has_value());
}

TEST_CASE("abort of an invalid rollout: steps that cannot be carried out are none of its business") {
  Scenario s = midway(routedCanary({setWeight(50), pause()}));
  s.world.spec.strategy = routedCanary({model::InvalidStep{}});
  s.world.step_hash = "other";
  s.abort();
  spoil(s);
  s.converge();
  CHECK(s.weight() == 0);
  CHECK(s.status().current_step_hash != "other");
}

TEST_CASE("abort of an invalid rollout: without a strategy that could be taken back nothing is done") {
  Scenario s = midway(canary({setWeight(50), pause()}));
  s.world.spec.strategy = std::monostate{};
  spoil(s);
  s.abort();
  s.converge();
  CHECK(s.phase() == "Degraded");
  CHECK(s.size("v2") == 2);
}

TEST_CASE("an abort does not wait for the ReplicaSet of a newer template that cannot be made") {
  Scenario s = midway(routedCanary({setWeight(50), pause()}));
  s.changeTemplate("v3");
  s.world.create_failure = CreateFailure{"shop-v3", "exceeded quota", false};
  s.abort();
  s.settle();
  CHECK(s.weight() == 0);
  CHECK(s.status().aborted_at.has_value());
  CHECK(s.status().current_pod_hash == "v2");
  // Nobody shall think that v3 is what runs.
  CHECK(s.status().observed_generation != std::to_string(s.world.generation));
}

TEST_CASE("a first version that cannot be made has a phase, and exceeds its deadline") {
  Scenario s(canary({}), 2);
  s.changeTemplate("v1");
  s.world.create_failure = CreateFailure{"shop-v1", "exceeded quota", false};
  s.settle();
  CHECK(s.phase() == "Progressing");
  CHECK(s.status().message == "ReplicaSetCreateError: Failed to create new replica set \"shop-v1\": exceeded quota");
  s.advance(std::chrono::seconds(s.world.spec.progress_deadline_seconds + 1));
  s.settle();
  CHECK(s.phase() == "Degraded");
}

TEST_CASE("steps that were edited while the spec was invalid restart the update when it is mended") {
  Scenario s = midway(canary({setWeight(50), pause(), setWeight(75)}));
  s.world.step_hash = "edited";
  spoil(s);
  s.converge();
  s.events.clear();
  s.world.invalid.reset();  // what it refers to is there now: the generation is the same
  s.converge();
  CHECK(s.said("Rollout step 1/3 completed"));
  CHECK(s.status().current_step_hash == "edited");
}

}  // namespace towpath::rollout::test
