// towpath.dev/on-new-version: a new template while an update is in progress.
#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

using model::OnNewVersion;

Scenario midway(OnNewVersion policy) {
  Scenario s(canary({setWeight(25), pause(), setWeight(50)}), 4);
  s.world.extensions.on_new_version = policy;
  s.deployFirst("v1");
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(s.phase() == "Paused");
  return s;
}

}  // namespace

TEST_CASE("on-new-version: replace, the default, starts over with the new template") {
  Scenario s = midway(OnNewVersion::kReplace);
  s.changeTemplate("v3");
  s.converge();
  CHECK(s.status().current_pod_hash == "v3");
  CHECK(s.size("v2") == 0);
}

TEST_CASE("on-new-version: queue holds the new template until the update has been promoted") {
  Scenario s = midway(OnNewVersion::kQueue);
  const auto step = s.status().current_step_index;
  s.changeTemplate("v3");
  s.converge();
  CHECK(s.status().current_pod_hash == "v2");
  CHECK(s.status().current_step_index == step);
  CHECK(s.size("v3") == -1);
  CHECK(s.conditionReason(model::condition::kNewVersionQueued) == "True/UpdateInProgress");
  CHECK(s.said("NewVersionQueued: The template v3 waits for the end of the update to revision 2 (v2)"));

  SUBCASE("promoted: the queued one starts by itself") {
    s.promote();
    s.converge();
    CHECK(s.said("Rollout completed update to revision 2 (v2)"));
    CHECK(s.status().stable_rs == "v2");
    CHECK(s.status().current_pod_hash == "v3");
    CHECK(s.phase() == "Paused");
    CHECK(s.conditionReason(model::condition::kNewVersionQueued).empty());
  }
  SUBCASE("aborted: the abort is carried out and the queued one starts on the old stable version") {
    s.abort();
    s.converge();
    CHECK(s.said("Rollout aborted update to revision 2"));
    CHECK(s.status().stable_rs == "v1");
    CHECK(s.status().current_pod_hash == "v3");
    CHECK(!s.status().abort);
    CHECK(s.phase() == "Paused");
  }
  SUBCASE("only the newest template waits") {
    s.changeTemplate("v4");
    s.converge();
    CHECK(s.said("The template v4 waits"));
    s.promote();
    s.converge();
    CHECK(s.status().current_pod_hash == "v4");
    CHECK(s.size("v3") == -1);
  }
  SUBCASE("back to the template in progress: nothing waits any more") {
    s.changeTemplate("v2");
    s.converge();
    CHECK(s.conditionReason(model::condition::kNewVersionQueued).empty());
    CHECK(s.status().current_step_index == step);
  }
  SUBCASE("a way back is never queued") {
    s.changeTemplate("v1");
    s.converge();
    CHECK(s.status().current_pod_hash == "v1");
    CHECK(s.phase() == "Healthy");
  }
  SUBCASE("without the annotation the queued one starts at once") {
    s.world.extensions.on_new_version = OnNewVersion::kReplace;
    s.converge();
    CHECK(s.status().current_pod_hash == "v3");
  }
  SUBCASE("sizes follow the spec while it waits") {
    s.scaleTo(8);
    s.converge();
    CHECK(s.size("v2") == 2);
    CHECK(s.status().current_pod_hash == "v2");
  }
}

TEST_CASE("on-new-version: an update that has timed out holds nothing up") {
  Scenario s(canary({setWeight(50)}), 4);
  s.world.extensions.on_new_version = OnNewVersion::kQueue;
  s.deployFirst("v1");
  s.changeTemplate("v2");
  s.settle();
  s.runPods("v1", 4);
  s.runPods("v2", 0);
  s.changeTemplate("v3");
  s.settle();
  CHECK(s.status().current_pod_hash == "v2");
  REQUIRE(s.next_look);  // the deadline of the update is a timer
  s.advance(700s);
  s.settle();
  CHECK(s.status().current_pod_hash == "v3");
}

TEST_CASE("on-new-version: reject refuses for good, but not a way back and nothing after the end") {
  Scenario s = midway(OnNewVersion::kReject);
  s.changeTemplate("v3");
  s.converge();
  CHECK(s.status().current_pod_hash == "v2");
  CHECK(s.conditionReason(model::condition::kNewVersionRejected) == "True/UpdateInProgress");
  CHECK(s.world.extensions.rejected_hash == "v3");

  SUBCASE("it does not start when the update has been promoted") {
    s.promote();
    s.converge();
    CHECK(s.phase() == "Healthy");
    CHECK(s.status().stable_rs == "v2");
    CHECK(s.size("v3") == -1);
    SUBCASE("another template does") {
      s.changeTemplate("v4");
      s.converge();
      CHECK(s.status().current_pod_hash == "v4");
      CHECK(s.world.extensions.rejected_hash.empty());
      CHECK(s.conditionReason(model::condition::kNewVersionRejected).empty());
    }
    SUBCASE("and so does the refused one once its mark is removed") {
      s.world.extensions.rejected_hash.clear();
      s.converge();
      CHECK(s.status().current_pod_hash == "v3");
    }
  }
  SUBCASE("an abort is carried out, and the refused one stays refused") {
    s.abort();
    s.converge();
    CHECK(s.phase() == "Degraded");
    CHECK(s.status().current_pod_hash == "v2");
    CHECK(s.size("v3") == -1);
  }
  SUBCASE("a way back is carried out") {
    s.changeTemplate("v1");
    s.converge();
    CHECK(s.phase() == "Healthy");
    CHECK(s.status().current_pod_hash == "v1");
  }
}

}  // namespace towpath::rollout::test
