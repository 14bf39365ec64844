#include "supervise/pod_status.h"

#include <doctest/doctest.h>

using namespace towpath;
using namespace towpath::supervise;

namespace {

const WallTime kNow = *parseRfc3339("2026-01-01T00:00:00Z");

std::string conditionOf(const Value& status, std::string_view type) {
  for (const Value& condition : status["conditions"].asArray()) {
    if (condition["type"].asStringView() == type) return condition["status"].asString();
  }
  return "";
}

ContainerFacts running(bool ready) {
  ContainerFacts container;
  container.name = "shop";
  container.running = true;
  container.started = true;
  container.ready = ready;
  return container;
}

ContainerFacts ended(int exit_code) {
  ContainerFacts container;
  container.name = "shop";
  container.completed = true;
  container.last_exit = ExitRecord{exit_code, exit_code == 0 ? "Completed" : "Error", "", kNow, kNow};
  return container;
}

struct Case {
  const char* name;
  std::vector<ContainerFacts> init, containers;
  bool stopping;
  const char* phase;
  const char* ready;
};

}  // namespace

TEST_CASE("phase and readiness follow from the containers") {
  const PodSpec spec;
  ContainerFacts waiting;
  waiting.name = "shop";
  for (const Case& expected :
       {Case{"nothing made yet", {}, {}, false, "Pending", "False"},
        Case{"nothing started", {}, {waiting}, false, "Pending", "False"},
        Case{"running, probe not passed", {}, {running(false)}, false, "Running", "False"},
        Case{"running and ready", {}, {running(true)}, false, "Running", "True"},
        Case{"one of two ready", {}, {running(true), running(false)}, false, "Running", "False"},
        Case{"ready but being stopped", {}, {running(true)}, true, "Running", "False"},
        Case{"init container still runs", {running(false)}, {waiting}, false, "Pending", "False"},
        Case{"init container has failed for good", {ended(1)}, {waiting}, false, "Failed", "False"},
        Case{"all done", {}, {ended(0)}, false, "Succeeded", "False"},
        Case{"one failed", {}, {ended(0), ended(3)}, false, "Failed", "False"}}) {
    CAPTURE(expected.name);
    const PodFacts facts{spec, expected.init, expected.containers, {}, "10.0.0.1", kNow, expected.stopping};
    const Value status = buildStatus(facts, Value(), kNow);
    CHECK(status["phase"].asStringView() == expected.phase);
    CHECK(conditionOf(status, "Ready") == expected.ready);
    CHECK(isReady(facts) == (std::string_view(expected.ready) == "True"));
  }
}

TEST_CASE("a condition's transition time moves only with its status") {
  const PodSpec spec;
  const PodFacts before{spec, {}, {running(true)}, {}, "10.0.0.1", kNow, false};
  const Value first = buildStatus(before, Value(), kNow);
  const Value second = buildStatus(before, first, kNow + 60s);
  CHECK(second == first);
  const PodFacts after{spec, {}, {running(false)}, {}, "10.0.0.1", kNow, false};
  const Value third = buildStatus(after, second, kNow + 60s);
  for (const Value& condition : third["conditions"].asArray()) {
    const bool moved =
        condition["type"].asStringView() == "Ready" || condition["type"].asStringView() == "ContainersReady";
    CHECK(condition["lastTransitionTime"].asStringView() == (moved ? "2026-01-01T00:01:00Z" : "2026-01-01T00:00:00Z"));
  }
}

TEST_CASE("an exit whose code nobody saw is not shown as success") {
  const PodSpec spec;
  ContainerFacts container = ended(0);
  container.last_exit->exit_code.reset();
  const PodFacts facts{spec, {}, {container}, {}, "10.0.0.1", kNow, false};
  const Value status = buildStatus(facts, Value(), kNow);
  CHECK(status["phase"].asStringView() == "Failed");
  CHECK(status["containerStatuses"].asArray().at(0)["state"]["terminated"]["exitCode"].asInt() == 255);
}

TEST_CASE("the status tells where the instance listens") {
  const PodSpec spec;
  const PodFacts facts{spec, {}, {running(true)}, {{"http", 8080, 20001, "TCP"}}, "10.0.0.1", kNow, false};
  const Value port = buildStatus(facts, Value(), kNow)["towpath"]["ports"].asArray().at(0);
  CHECK(port["name"].asStringView() == "http");
  CHECK(port["containerPort"].asInt() == 8080);
  CHECK(port["hostPort"].asInt() == 20001);
}
