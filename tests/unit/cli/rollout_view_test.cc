#include "cli/rollout_view.h"

#include <doctest/doctest.h>

#include "cli/experiment_view.h"
#include "cli/text.h"
#include "json/yaml.h"

using namespace towpath;
using namespace towpath::cli;

namespace {

const WallTime kNow = *parseRfc3339("2026-01-01T00:09:30Z");

Value yaml(const char* text) {
  auto value = json::parseYamlDocument(text);
  REQUIRE(value);
  return *value;
}

RolloutWorld pausedCanary() {
  RolloutWorld world;
  world.rollout = yaml(R"(
metadata: {name: shop, namespace: prod, uid: r1, creationTimestamp: '2026-01-01T00:00:30Z'}
spec:
  replicas: 5
  strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}, {setWeight: 50}, {pause: {}}]}}
status:
  phase: Paused
  message: CanaryPauseStep
  currentStepIndex: 1
  stableRS: aaa
  currentPodHash: bbb
  replicas: 6
  updatedReplicas: 1
  readyReplicas: 6
  availableReplicas: 5
)");
  world.replica_sets = {yaml(R"(
metadata: {name: shop-bbb, uid: s2, creationTimestamp: '2026-01-01T00:09:00Z', generation: 1,
  labels: {rollouts-pod-template-hash: bbb}, annotations: {rollout.argoproj.io/revision: '2'}}
spec: {replicas: 1, template: {spec: {containers: [{name: shop, image: 'r.example/shop:2'}]}}}
status: {observedGeneration: 1, availableReplicas: 1}
)"),
                        yaml(R"(
metadata: {name: shop-aaa, uid: s1, creationTimestamp: '2026-01-01T00:00:30Z', generation: 1,
  labels: {rollouts-pod-template-hash: aaa}, annotations: {rollout.argoproj.io/revision: '1'}}
spec: {replicas: 4, template: {spec: {containers: [{name: shop, image: 'r.example/shop:1'}]}}}
status: {observedGeneration: 1, availableReplicas: 4}
)")};
  world.pods = {yaml(R"(
metadata: {name: shop-bbb-x2x2x, creationTimestamp: '2026-01-01T00:09:00Z', ownerReferences: [{uid: s2}]}
spec: {containers: [{name: shop}]}
status: {phase: Running, containerStatuses: [{ready: true, restartCount: 2, state: {running: {}}}]}
)")};
  world.analysis_runs = {yaml(R"(
metadata: {name: shop-bbb-2, creationTimestamp: '2026-01-01T00:09:10Z', annotations: {rollout.argoproj.io/revision: '2'}}
status: {phase: Running, metricResults: [{successful: 2, error: 1}]}
)")};
  return world;
}

}  // namespace

TEST_CASE("the tree view is the one that users of the plugin know") {
  CHECK(renderRollout(pausedCanary(), kNow, Colour::kNone) ==
        "Name:            shop\n"
        "Namespace:       prod\n"
        "Status:          ॥ Paused\n"
        "Message:         CanaryPauseStep\n"
        "Strategy:        Canary\n"
        "  Step:          1/4\n"
        "  SetWeight:     20\n"
        "  ActualWeight:  20\n"
        "Images:          r.example/shop:1 (stable)\n"
        "                 r.example/shop:2 (canary)\n"
        "Replicas:\n"
        "  Desired:       5\n"
        "  Current:       6\n"
        "  Updated:       1\n"
        "  Ready:         6\n"
        "  Available:     5\n"
        "\n"
        "NAME                       KIND         STATUS     AGE  INFO\n"
        "⟳ shop                     Rollout      ॥ Paused   9m\n"
        "├──# revision:2\n"
        "│  ├──⧉ shop-bbb           ReplicaSet   ✔ Healthy  30s  canary\n"
        "│  │  └──□ shop-bbb-x2x2x  Pod          ✔ Running  30s  ready:1/1,restarts:2\n"
        "│  └──α shop-bbb-2         AnalysisRun  ◌ Running  20s  ✔ 2,⚠ 1\n"
        "└──# revision:1\n"
        "   └──⧉ shop-aaa           ReplicaSet   ✔ Healthy  9m   stable\n");
}

TEST_CASE("colours do not move columns") {
  const std::string plain = renderRollout(pausedCanary(), kNow, Colour::kNone);
  std::string coloured = renderRollout(pausedCanary(), kNow, Colour::kAnsi);
  CHECK(coloured != plain);
  for (std::size_t at = coloured.find('\033'); at != std::string::npos; at = coloured.find('\033')) {
    coloured.erase(at, coloured.find('m', at) - at + 1);
  }
  CHECK(coloured == plain);
}

TEST_CASE("a line of the list") {
  const RolloutSummary summary = summarize(pausedCanary().rollout);
  CHECK(summary == RolloutSummary{"prod", "shop", "Canary", "Paused", "1/4", "20", "6/6", "5", "1", "5"});
  const RolloutSummary blue_green =
      summarize(yaml("{metadata: {name: a}, spec: {strategy: {blueGreen: {}}}, status: {phase: Healthy}}"));
  CHECK(blue_green.strategy == "BlueGreen");
  CHECK(blue_green.step == "-");
  CHECK(blue_green.set_weight == "-");
  CHECK(blue_green.desired == "1");
}

TEST_CASE("the weight shown follows the steps, the end and an abort") {
  Value rollout = pausedCanary().rollout;
  struct Case {
    std::int64_t index;
    bool abort;
    const char* weight;
  };
  for (const Case& expected :
       {Case{0, false, "20"}, {1, false, "20"}, {3, false, "50"}, {4, false, "100"}, {3, true, "0"}}) {
    rollout["status"]["currentStepIndex"] = expected.index;
    rollout["status"]["abort"] = expected.abort;
    CHECK(summarize(rollout).set_weight == expected.weight);
  }
}

TEST_CASE("a pod's status is what kubectl prints") {
  struct Case {
    const char* pod;
    const char* status;
  };
  for (const Case& expected :
       {Case{"{status: {phase: Pending}}", "Pending"},
        Case{"{metadata: {deletionTimestamp: x}, status: {phase: Running}}", "Terminating"},
        Case{"{status: {containerStatuses: [{state: {waiting: {reason: CrashLoopBackOff}}}]}}", "CrashLoopBackOff"},
        Case{"{status: {containerStatuses: [{state: {terminated: {exitCode: 3}}}]}}", "ExitCode:3"},
        Case{"{status: {initContainerStatuses: [{state: {running: {}}}, {state: {}}]}}", "Init:0/2"},
        Case{"{status: {initContainerStatuses: [{state: {waiting: {reason: ErrImagePull}}}]}}", "Init:ErrImagePull"},
        Case{"{status: {phase: Running, containerStatuses: [{state: {running: {}}}]}}", "Running"}}) {
    CHECK(podStatus(yaml(expected.pod)) == expected.status);
  }
}

namespace {

ExperimentWorld trial() {
  ExperimentWorld world;
  world.experiment = yaml(R"(
metadata: {name: shop-bbb-2-0, namespace: prod, uid: e1, creationTimestamp: '2026-01-01T00:09:00Z',
  annotations: {rollout.argoproj.io/revision: '2'}}
spec: {duration: 5m}
status: {phase: Running, availableAt: '2026-01-01T00:09:10Z'}
)");
  world.replica_sets = {yaml(R"(
metadata: {name: shop-bbb-2-0-new, uid: x1, creationTimestamp: '2026-01-01T00:09:00Z', generation: 1,
  annotations: {experiment.argoproj.io/template-name: new}}
spec: {replicas: 1, template: {spec: {containers: [{name: shop, image: 'r.example/shop:2'}]}}}
status: {observedGeneration: 1, availableReplicas: 1}
)")};
  world.pods = {yaml(R"(
metadata: {name: shop-bbb-2-0-new-k8k8k, creationTimestamp: '2026-01-01T00:09:00Z', ownerReferences: [{uid: x1}]}
spec: {containers: [{name: shop}]}
status: {phase: Running, containerStatuses: [{ready: true, restartCount: 0, state: {running: {}}}]}
)")};
  world.analysis_runs = {yaml(R"(
metadata: {name: shop-bbb-2-0-errors, creationTimestamp: '2026-01-01T00:09:10Z'}
status: {phase: Running, metricResults: [{successful: 1}]}
)")};
  return world;
}

}  // namespace

TEST_CASE("an experiment stands in the tree of its rollout with what is its own, and its images are told by template") {
  RolloutWorld world = pausedCanary();
  world.experiments = {trial()};
  const std::string text = renderRollout(world, kNow, Colour::kNone);
  CHECK(text.find("                 r.example/shop:2 (canary, Σ:new)\n") != std::string::npos);
  const std::string tree = text.substr(text.find("├──# revision:2"));
  const std::string wanted[] = {
      "├──# revision:2",
      "│  ├──⧉ shop-bbb ",
      "│  │  └──□ shop-bbb-x2x2x ",
      "│  ├──Σ shop-bbb-2-0 ",
      "│  │  ├──⧉ shop-bbb-2-0-new ",
      "│  │  │  └──□ shop-bbb-2-0-new-k8k8k ",
      "│  │  └──α shop-bbb-2-0-errors ",
      "│  └──α shop-bbb-2 ",
      "└──# revision:1",
  };
  std::size_t at = 0;
  for (const std::string& line : wanted) {
    CAPTURE(line);
    CHECK(tree.compare(at, line.size(), line) == 0);
    at = tree.find('\n', at) + 1;
  }
}

TEST_CASE("an experiment of its own: the tree, and the line of the list") {
  CHECK(renderExperiment(trial(), kNow, Colour::kNone) ==
        "Name:            shop-bbb-2-0\n"
        "Namespace:       prod\n"
        "Status:          ◌ Running\n"
        "Images:          r.example/shop:2 (Σ:new)\n"
        "\n"
        "NAME                            KIND         STATUS     AGE  INFO\n"
        "Σ shop-bbb-2-0                  Experiment   ◌ Running  30s\n"
        "├──⧉ shop-bbb-2-0-new           ReplicaSet   ✔ Healthy  30s\n"
        "│  └──□ shop-bbb-2-0-new-k8k8k  Pod          ✔ Running  30s  ready:1/1\n"
        "└──α shop-bbb-2-0-errors        AnalysisRun  ◌ Running  20s  ✔ 1\n");
  const ExperimentSummary running = summarizeExperiment(trial().experiment, kNow);
  CHECK(running.status == "Running");
  CHECK(running.duration == "5m");
  CHECK(running.remaining == "4m40s");
  CHECK(running.age == "30s");
  const ExperimentSummary unset = summarizeExperiment(yaml("{metadata: {name: x}}"), kNow);
  CHECK(unset.duration == "-");
  CHECK(unset.remaining == "-");
}
