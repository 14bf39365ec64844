// The wall clock jumps, and nothing that takes its time is over sooner or later for it (design: Clocks). Ten seconds of
// play are for passes and the hundredth by which decisions follow the wall clock.

#include "harness.h"

namespace towpath::control {
namespace {

constexpr Duration kJumps[] = {48h, -48h, 365 * 24h};

void jump(Harness& harness, Duration by) { harness.loop.setWall(harness.loop.wallNow() + by); }

constexpr const char* kTimed = "{canary: {steps: [{setWeight: 20}, {pause: {duration: 10m}}, {setWeight: 50}]}}";

}  // namespace

TEST_CASE("clock: a jump in the middle of a timed pause neither ends nor prolongs it") {
  for (Duration by : kJumps) {
    CAPTURE(formatGoDuration(by));
    Harness harness;
    harness.apply(cluster::kRollouts, rolloutYaml("shop", kTimed));
    harness.start();
    harness.untilPhase("Healthy");
    harness.setImage("v2");
    harness.untilPhase("Paused");
    harness.settle(3min);
    jump(harness, by);
    harness.settle(6min + 30s);
    CHECK(harness.phase() == "Paused");
    CHECK(harness.sizes() == "v1 4, v2 1");
    harness.settle(1min);
    CHECK(harness.phase() == "Healthy");
  }
}

TEST_CASE("clock: a coordinator that starts after a jump goes on with the pause") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kTimed));
  harness.start();
  harness.untilPhase("Healthy");
  harness.setImage("v2");
  harness.untilPhase("Paused");
  harness.settle(3min);
  harness.crash();
  jump(harness, 1h);
  harness.start();
  harness.settle(6min);
  CHECK(harness.phase() == "Paused");
  harness.settle(2min);
  CHECK(harness.phase() == "Healthy");
}

TEST_CASE("clock: the old version of a blue-green rollout stays up for its whole scaleDownDelay") {
  for (Duration by : kJumps) {
    CAPTURE(formatGoDuration(by));
    Harness harness;
    harness.apply(cluster::kServices, serviceYaml("active"));
    harness.apply(cluster::kRollouts,
                  rolloutYaml("shop", "{blueGreen: {activeService: active, scaleDownDelaySeconds: 600}}", 2));
    harness.start();
    harness.untilPhase("Healthy");
    harness.setImage("v2");
    harness.until("the switch", [&] { return harness.served("active") == "v2"; });
    harness.settle(1min);
    jump(harness, by);
    harness.settle(8min);
    CHECK(harness.sizes() == "v1 2, v2 2");
    harness.settle(2min);
    CHECK(harness.sizes() == "v2 2");
  }
}

TEST_CASE("clock: measurements keep their interval, and a finished run its time to live") {
  for (Duration by : kJumps) {
    CAPTURE(formatGoDuration(by));
    Harness harness;
    std::vector<MonoTime> asked;
    harness.providers.fetch = [&](http::ClientRequest) -> loop::Task<Result<http::Response>> {
      asked.push_back(harness.loop.now());
      co_return http::Response{.status = 200, .headers = {}, .body = "{\"ok\": true}"};
    };
    harness.apply(cluster::kAnalysisRuns, R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: timed, namespace: default}
spec:
  ttlStrategy: {secondsAfterCompletion: 600}
  metrics:
  - {name: ok, interval: 5m, count: 2, successCondition: result.ok, provider: {web: {url: "http://metric/"}}}
)");
    harness.start();
    harness.settle(2min);
    jump(harness, by);
    harness.settle(4min);
    REQUIRE(asked.size() == 2);
    CHECK(asked[1] - asked[0] > 5min - 4s);
    CHECK(asked[1] - asked[0] < 5min + 4s);
    CHECK(harness.get(cluster::kAnalysisRuns, "timed")["status"]["phase"].asStringView() == "Successful");
    jump(harness, by);
    harness.settle(8min);
    CHECK_FALSE(harness.get(cluster::kAnalysisRuns, "timed").isNull());
    harness.settle(2min);
    CHECK(harness.get(cluster::kAnalysisRuns, "timed").isNull());
  }
}

TEST_CASE("clock: the progress deadline is not exceeded by a jump") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", "{canary: {}}"));
  harness.start();
  harness.untilPhase("Healthy");
  harness.setImage("broken");
  harness.settle(1min);
  jump(harness, 48h);
  harness.settle(7min);
  CHECK(harness.phase() == "Progressing");
  harness.settle(3min);
  CHECK(harness.phase() == "Degraded");
}

}  // namespace towpath::control
