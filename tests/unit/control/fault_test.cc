// The same under faults: refused writes, watches that break, a coordinator that dies between any two writes.

#include "harness.h"

namespace towpath::control {

TEST_CASE("a conflict on a write is tried again and changes nothing of the outcome") {
  Harness harness;
  applyRouted(harness);
  harness.start();
  int refused = 0;
  harness.coordinator->api.fail_write = [&refused](const std::string&) -> std::optional<Error> {
    if (++refused % 3 != 0) return std::nullopt;
    return Error{ErrorKind::kConflict, "somebody else was faster", ""};
  };
  harness.untilPhase("Healthy");
  harness.setImage("v2");
  harness.untilPhase("Paused");
  CHECK(harness.weight() == 20);
  harness.promote();
  harness.untilPhase("Healthy");
  CHECK(harness.served("shop-stable") == "v2");
}

TEST_CASE("watches that break, and histories that are gone, lose no change") {
  Harness harness;
  applyRouted(harness);
  harness.start();
  int events = 0;
  harness.coordinator->api.cut_watch = [&events]() -> std::optional<Error> {
    if (++events % 4 != 0) return std::nullopt;
    return Error{events % 8 == 0 ? ErrorKind::kGone : ErrorKind::kUnavailable, "cut", ""};
  };
  harness.untilPhase("Healthy");
  harness.setImage("v2");
  harness.untilPhase("Paused");
  harness.promote();
  harness.untilPhase("Healthy");
  CHECK(harness.served("shop-stable") == "v2");
  harness.settle(40s);
  CHECK(harness.sizes() == "v2 5");
}

TEST_CASE("a coordinator that dies after any number of writes is followed by one that ends right") {
  for (int writes = 0; writes < 40; ++writes) {
    CAPTURE(writes);
    Harness harness;
    applyRouted(harness);
    harness.start();
    harness.untilPhase("Healthy");
    harness.coordinator->api.writes = 0;
    harness.coordinator->api.silent_after = writes;
    harness.setImage("v2");
    harness.settle(3s);
    if (harness.phase() == "Paused") harness.promote();
    harness.settle(3s);
    harness.crash();

    harness.start();
    harness.until("paused or done", [&] { return harness.phase() == "Paused" || harness.phase() == "Healthy"; });
    if (!harness.rolloutStatus()["pauseConditions"].asArray().empty() && harness.weight() == 20) harness.promote();
    harness.until("v2 is stable", [&] { return harness.served("shop-stable") == "v2"; });
    harness.untilPhase("Healthy");
    CHECK(harness.weight() == 0);
    CHECK(harness.list(cluster::kReplicaSets).size() == 2);
    harness.settle(40s);
    CHECK(harness.sizes() == "v2 5");
  }
}

TEST_CASE("one rollout that always fails does not hold up another") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("poisoned", kPlainCanary));
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPlainCanary));
  harness.start();
  harness.coordinator->api.fail_write = [](const std::string& what) -> std::optional<Error> {
    if (what.find("poisoned") == std::string::npos) return std::nullopt;
    return Error{ErrorKind::kInternal, "no", ""};
  };
  harness.untilPhase("Healthy");
  CHECK(harness.phase("poisoned") != "Healthy");
}

}  // namespace towpath::control
