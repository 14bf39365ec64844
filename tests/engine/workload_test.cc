// workloadRef: the Deployment that ran before makes room for the first revision (core-semantics 3.18).
#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

Scenario referring(const std::string& scale_down) {
  Scenario s(canary({setWeight(50), pause()}), 4);
  s.world.spec.workload_ref = model::WorkloadRef{"apps/v1", "Deployment", "shop", scale_down};
  s.world.workload = WorkloadView{"Deployment", "7", 4};
  return s;
}

}  // namespace

TEST_CASE("workload: its generation is noted before anything else, and observed in the status") {
  Scenario s = referring("never");
  s.changeTemplate("v1");
  s.settle();
  REQUIRE(!s.actions.empty());
  CHECK(s.actions.front() == Action(NoteWorkloadGeneration{"7"}));
  CHECK(s.status().workload_observed_generation == "7");
  s.converge();
  CHECK(s.world.workload->replicas == 4);

  SUBCASE("a Rollout that has its own template again forgets it") {
    s.world.spec.workload_ref.reset();
    s.world.workload.reset();
    ++s.world.generation;
    s.converge();
    CHECK(s.world.noted_workload_generation.empty());
    CHECK(s.status().workload_observed_generation.empty());
  }
}

TEST_CASE("workload: scaleDown onsuccess waits until the first revision is healthy") {
  Scenario s = referring("onsuccess");
  s.changeTemplate("v1");
  s.settle();
  s.runPods("v1", 2);
  s.settle();
  CHECK(s.world.workload->replicas == 4);
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.world.workload->replicas == 0);
}

TEST_CASE("workload: scaleDown progressively gives up a pod for each one that is ready") {
  Scenario s = referring("progressively");
  s.changeTemplate("v1");
  s.settle();
  CHECK(s.world.workload->replicas == 4);
  s.runPods("v1", 1);
  s.settle();
  CHECK(s.world.workload->replicas == 3);
  s.runPods("v1", 3);
  s.settle();
  CHECK(s.world.workload->replicas == 1);
  s.converge();
  CHECK(s.world.workload->replicas == 0);
}

TEST_CASE("workload: later revisions leave the Deployment alone, as do other modes and kinds") {
  Scenario s = referring("progressively");
  s.deployFirst();
  s.world.workload->replicas = 2;
  s.changeTemplate("v2");
  s.converge();
  s.promote();
  s.converge();
  CHECK(s.world.workload->replicas == 2);

  for (const char* mode : {"", "never", "OnSuccess"}) {
    Scenario other = referring(mode);
    other.deployFirst();
    CHECK(other.world.workload->replicas == 4);
  }
  Scenario set = referring("onsuccess");
  set.world.workload->kind = "ReplicaSet";
  set.deployFirst();
  CHECK(set.world.workload->replicas == 4);
}

}  // namespace towpath::rollout::test
