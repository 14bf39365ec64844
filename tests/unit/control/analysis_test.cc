// Analyses from template to verdict, and what the verdict does to the rollout.

#include "harness.h"

namespace towpath::control {
namespace {

constexpr const char* kTemplate = R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors, namespace: default}
spec:
  args: [{name: hash}]
  metrics:
  - name: errors
    interval: 5s
    count: 3
    successCondition: result < 0.05
    failureCondition: result >= 0.05
    provider: {plugin: {towpath/traffic: {metric: error-ratio, service: shop-canary, version: "{{args.hash}}"}}}
)";

constexpr const char* kJudged =
    "{canary: {stableService: shop-stable, canaryService: shop-canary,"
    " trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}},"
    " steps: [{setWeight: 20}, {analysis: {templates: [{templateName: errors}],"
    " args: [{name: hash, valueFrom: {podTemplateHashValue: Latest}}]}}]}}";

class FakeTraffic final : public metrics::TrafficSource {
 public:
  metrics::TrafficSums sums(const metrics::TrafficQuery& query) const override {
    asked = query;
    return answer;
  }
  metrics::TrafficSums answer;
  mutable metrics::TrafficQuery asked;
};

struct Judged : Harness {
  explicit Judged(metrics::TrafficSums answer) {
    traffic.answer = answer;
    providers.traffic = &traffic;
    apply(cluster::kAnalysisTemplates, kTemplate);
    applyRouted(*this, kJudged);
    start();
    untilPhase("Healthy");
    setImage("v2");
  }
  FakeTraffic traffic;
};

}  // namespace

TEST_CASE("a version whose requests fail is rolled back by itself") {
  Judged harness({.samples = 10, .requests = 100, .status_2xx = 90, .status_5xx = 10});
  harness.untilPhase("Degraded");
  CHECK(harness.weight() == 0);
  CHECK(harness.served("shop-stable") == "v1");
  const std::vector<Value> runs = harness.list(cluster::kAnalysisRuns);
  REQUIRE(runs.size() == 1);
  CHECK(runs[0]["status"]["phase"].asString() == "Failed");
  CHECK(harness.traffic.asked.pod_template_hash == harness.rolloutStatus()["currentPodHash"].asString());
  CHECK(runs[0]["status"]["metricResults"][0]["measurements"][0]["value"].asString() == "0.1");
}

TEST_CASE("a good version is promoted after its measurements") {
  Judged harness({.samples = 10, .requests = 100, .status_2xx = 100});
  harness.until("a run", [&] { return !harness.list(cluster::kAnalysisRuns).empty(); });
  CHECK(harness.weight() == 20);
  harness.untilPhase("Healthy");
  CHECK(harness.served("shop-stable") == "v2");
  const Value run = harness.list(cluster::kAnalysisRuns)[0];
  CHECK(run["status"]["metricResults"][0]["count"].asInt() == 3);
  CHECK(run["metadata"]["labels"]["rollout-type"].asString() == "Step");
}

TEST_CASE("no data is not good data") {
  Judged harness({});
  harness.untilPhase("Degraded");
  CHECK(harness.served("shop-stable") == "v1");
}

TEST_CASE("a coordinator that dies during an analysis is followed by one that ends it") {
  Judged harness({.samples = 10, .requests = 100, .status_2xx = 100});
  harness.until("a run", [&] { return !harness.list(cluster::kAnalysisRuns).empty(); });
  harness.settle(6s);
  harness.crash();
  harness.settle(5s);
  harness.start();
  harness.untilPhase("Healthy");
  CHECK(harness.list(cluster::kAnalysisRuns).size() == 1);
}

TEST_CASE("a metric that hangs delays no other, and is given up") {
  Harness harness;
  harness.providers.fetch = [&harness](http::ClientRequest request) -> loop::Task<Result<http::Response>> {
    if (request.url == "http://slow/") co_await loop::sleep(harness.loop, 1h);
    co_return http::Response{.status = 200, .headers = {}, .body = "{\"ok\": true}"};
  };
  harness.apply(cluster::kSecrets,
                "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: default}, "
                "data: {token: aHVudGVyMg==}}");
  harness.apply(cluster::kAnalysisRuns, R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: both, namespace: default}
spec:
  args: [{name: token, valueFrom: {secretKeyRef: {name: s, key: token}}}]
  metrics:
  - name: slow
    provider: {web: {url: "http://slow/", headers: [{key: Authorization, value: "{{args.token}}"}]}}
  - name: quick
    successCondition: result.ok
    provider: {web: {url: "http://quick/{{args.token}}"}}
)");
  harness.start();
  harness.settle(2s);
  Value run = harness.get(cluster::kAnalysisRuns, "both");
  CHECK(run["status"]["phase"].asString() == "Running");
  bool measured = false;
  for (const Value& result : run["status"]["metricResults"].asArray()) {
    if (result["name"].asStringView() == "quick") measured = result["phase"].asStringView() == "Successful";
  }
  CHECK(measured);
  harness.loop.advance(6min);
  run = harness.get(cluster::kAnalysisRuns, "both");
  CHECK(json::serialize(run["status"]).find("no answer within") != std::string::npos);
  CHECK(json::serialize(run).find("hunter2") == std::string::npos);
}

TEST_CASE("a provider that hangs delays no other run, however many wait for it") {
  Harness harness;
  harness.providers.fetch = [&harness](http::ClientRequest request) -> loop::Task<Result<http::Response>> {
    if (request.url.starts_with("http://slow/")) co_await loop::sleep(harness.loop, 1h);
    co_return http::Response{.status = 200, .headers = {}, .body = "{}"};
  };
  for (int i = 0; i < 50; ++i) {
    harness.apply(cluster::kAnalysisRuns, fmt::format(R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {{name: run-{0}, namespace: default}}
spec: {{metrics: [{{name: m, provider: {{web: {{url: "http://{1}/"}}}}}}]}}
)",
                                                      i, i % 10 == 9 ? "quick" : "slow"));
  }
  harness.start();
  harness.settle(1s);
  std::map<std::string, int> phases;
  for (const Value& run : harness.list(cluster::kAnalysisRuns)) ++phases[run["status"]["phase"].asString()];
  CHECK(phases == std::map<std::string, int>{{"Running", 45}, {"Successful", 5}});
}

}  // namespace towpath::control
