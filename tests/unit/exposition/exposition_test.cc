#include <doctest/doctest.h>

#include <array>

#include "exposition/object_facts.h"
#include "exposition/text.h"
#include "json/yaml.h"

using namespace towpath;
using namespace towpath::exposition;

namespace {

constexpr std::array kBounds{0.5, 1.0};

Value yaml(std::string_view text) {
  auto value = json::parseYamlDocument(text);
  REQUIRE(value.has_value());
  return std::move(*value);
}

}  // namespace

TEST_CASE("the text format: labels are escaped, buckets are cumulative") {
  MetricsText text;
  text.family("up", Type::kGauge, "Whether it is.");
  text.add({}, 1);
  text.add({{"name", "a\"b\\c\nd"}}, 0.5);
  text.family("took", Type::kHistogram, "How long.");
  Histogram<kBounds> histogram;
  for (const double value : {0.25, 0.5, 0.75, 8.0}) histogram.observe(value);
  text.add({{"name", "x"}}, histogram);
  CHECK(std::move(text).take() == R"(# HELP up Whether it is.
# TYPE up gauge
up 1
up{name="a\"b\\c\nd"} 0.5
# HELP took How long.
# TYPE took histogram
took_bucket{name="x",le="0.5"} 2
took_bucket{name="x",le="1"} 3
took_bucket{name="x",le="+Inf"} 4
took_sum{name="x"} 9.5
took_count{name="x"} 4
)");
}

TEST_CASE("the phase of a Rollout's series comes of its conditions") {
  const auto phase = [](std::string_view conditions) {
    return std::string(rolloutFacts(yaml("{status: {conditions: " + std::string(conditions) + "}}")).phase);
  };
  CHECK(phase("[]") == "Progressing");
  CHECK(phase("[{type: Progressing, reason: NewReplicaSetAvailable}]") == "Completed");
  CHECK(phase("[{type: Progressing, reason: RolloutPaused}]") == "Paused");
  CHECK(phase("[{type: Progressing, reason: ReplicaSetCreateError}]") == "Error");
  CHECK(phase("[{type: Progressing, reason: ProgressDeadlineExceeded}]") == "Timeout");
  CHECK(phase("[{type: Progressing, reason: RolloutAborted}]") == "Abort");
  CHECK(phase("[{type: Progressing, reason: RolloutAborted}, {type: InvalidSpec}]") == "InvalidSpec");
  // Another condition's reason says nothing.
  CHECK(phase("[{type: Paused, reason: RolloutPaused}]") == "Progressing");
}

TEST_CASE("strategy, router and sizes of a Rollout") {
  const RolloutFacts canary = rolloutFacts(yaml(R"(
spec: {strategy: {canary: {trafficRouting: {nginx: {stableIngress: a}}}}}
status: {replicas: 6, availableReplicas: 5, updatedReplicas: 1}
)"));
  CHECK(std::string(canary.strategy) == "canary");
  CHECK(std::string(canary.traffic_router) == "Nginx");
  CHECK(canary.desired == 1);
  CHECK(canary.unavailable == 1);
  CHECK(std::string(rolloutFacts(yaml("{spec: {strategy: {blueGreen: {activeService: a}}}}")).strategy) == "blueGreen");
  CHECK(std::string(rolloutFacts(yaml("{spec: {}}")).strategy) == "none");
}

TEST_CASE("an update that is over has its duration, and the time that people took") {
  const auto update = finishedUpdate(yaml(R"(
status:
  duration:
    rolloutStartedAt: 2026-01-01T00:00:00Z
    finishedAt: 2026-01-01T00:10:00Z
    totalManualPauseDurationSeconds: 60
    completionStatus: Promoted
)"));
  REQUIRE(update);
  CHECK(update->seconds == 600);
  CHECK(update->paused_seconds == 60);
  CHECK(update->status == "Promoted");
  CHECK(!finishedUpdate(yaml("{status: {duration: {rolloutStartedAt: 2026-01-01T00:00:00Z}}}")));
  CHECK(!finishedUpdate(yaml("{status: {duration: {rolloutStartedAt: soon, finishedAt: late}}}")));
}

TEST_CASE("metrics of a run, with what became of them") {
  const RunFacts run = runFacts(yaml(R"(
spec:
  metrics:
  - {name: errors, provider: {prometheus: {query: up}}}
  - {name: probe-a, provider: {job: {}}}
  dryRun: [{metricName: "probe.*"}, {metricName: "("}]
status: {phase: Running, metricResults: [{name: errors, phase: Failed}]}
)"));
  CHECK(run.phase == "Running");
  REQUIRE(run.metrics.size() == 2);
  CHECK(std::string(run.metrics[0].type) == "Prometheus");
  CHECK(run.metrics[0].phase == "Failed");
  CHECK(!run.metrics[0].dry_run);
  CHECK(std::string(run.metrics[1].type) == "Job");
  CHECK(run.metrics[1].phase == "Pending");
  CHECK(run.metrics[1].dry_run);
  CHECK(runFacts(yaml("{spec: {}}")).phase == "Pending");
}
