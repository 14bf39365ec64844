// towpath/judge over made-up traffic, under virtual time.

#include <doctest/doctest.h>

#include <map>

#include "json/parse.h"
#include "json/yaml.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "metrics/registry.h"

namespace towpath::metrics {
namespace {

using model::AnalysisPhase;

// So many requests and errors in every second, by version.
class SteadyTraffic final : public TrafficSource {
 public:
  struct Rate {
    std::uint64_t requests = 0, errors = 0, latency_us = 10'000;
    std::vector<TrafficSums::Instance> instances = {};
  };
  void followInstances(const std::string& ns, const std::string& hash, WallTime until) override {
    followed[ns + "/" + hash] = until;
  }
  TrafficSums sums(const TrafficQuery& query) const override {
    asked = query;
    const auto rate = rates.find(query.pod_template_hash);
    if (rate == rates.end() || query.to <= from) return {};
    const auto seconds = static_cast<std::uint64_t>((query.to - query.from) / 1s);
    TrafficSums sums{.samples = 1,
                     .requests = rate->second.requests * seconds,
                     .status_2xx = (rate->second.requests - rate->second.errors) * seconds,
                     .status_5xx = rate->second.errors * seconds};
    for (const TrafficSums::Instance& one : rate->second.instances) {
      sums.instances.push_back({one.name, one.requests * seconds, one.errors * seconds});
      for (const sketch::Bin& bin : one.latency.bins()) {
        sums.instances.back().latency.addBin(bin.index, bin.count * seconds);
        sums.latency.addBin(bin.index, bin.count * seconds);
      }
    }
    if (!sums.latency.empty()) return sums;
    for (std::uint64_t i = 0; i < sums.status_2xx; ++i) sums.latency.add(rate->second.latency_us * (80 + i % 40) / 100);
    return sums;
  }
  std::map<std::string, Rate> rates;
  WallTime from{};
  std::map<std::string, WallTime> followed;
  mutable TrafficQuery asked;
};

struct Bench {
  loop::VirtualLoop loop;
  SteadyTraffic traffic;
  ProviderContext context{.loop = &loop, .fetch = {}, .traffic = &traffic};
  MetricRequest request{.ns = "default", .run_name = "run", .run_uid = "u", .attempt = 1, .metric = {}, .provider = {}};

  explicit Bench(std::string_view settings = "") {
    const std::string text =
        "{plugin: {towpath/judge: {service: shop, canary: c, stable: s" + std::string(settings) + "}}}";
    request.provider = *json::parseYamlDocument(text);
  }
  std::unique_ptr<Provider> provider() { return std::move(*makeProvider(request.provider, context)); }
  model::Measurement start() { return loop::blockOn(loop, provider()->start(request)); }
  model::Measurement resume(model::Measurement measurement) {
    // A status keeps whole seconds.
    CHECK(*measurement.resume_at == std::chrono::floor<std::chrono::seconds>(*measurement.resume_at));
    loop.advance(std::max<Duration>(*measurement.resume_at - loop.steadyNow(), 1ms));
    return loop::blockOn(loop, provider()->resume(request, std::move(measurement)));
  }
  // As the analysis engine does, with a new provider for each call.
  model::Measurement toItsEnd(int looks = 1000) {
    model::Measurement measurement = start();
    for (int i = 0; i < looks && measurement.phase == AnalysisPhase::kRunning; ++i)
      measurement = resume(std::move(measurement));
    return measurement;
  }
  Duration took(const model::Measurement& measurement) { return *measurement.finished_at - *measurement.started_at; }
};

}  // namespace

TEST_CASE("towpath/judge: a canary that fails one request in twenty is found within a minute and a half") {
  Bench bench;
  bench.traffic.rates = {{"c", {.requests = 20, .errors = 1}}, {"s", {.requests = 80}}};
  const model::Measurement measurement = bench.toItsEnd();
  CHECK(measurement.phase == AnalysisPhase::kFailed);
  CHECK(bench.took(measurement) <= 90s);
  CHECK(measurement.message.starts_with("errors: 5 % on the canary, 0 % on the stable version"));
  CHECK(bench.traffic.asked.service == "shop");
  const Result<Value> evidence = json::parse(measurement.value);
  REQUIRE(evidence.has_value());
  CHECK((*evidence)["verdict"].asStringView() == "bad");
  CHECK(evidence->at({"metrics", "errors", "evidenceBad"}).asDouble() >= 1);
}

TEST_CASE("towpath/judge: an equal canary is good, and while nobody knows it is running") {
  Bench bench;
  bench.traffic.rates = {{"c", {.requests = 200, .errors = 2}}, {"s", {.requests = 800, .errors = 8}}};
  model::Measurement measurement = bench.start();
  CHECK(measurement.phase == AnalysisPhase::kRunning);
  measurement = bench.resume(std::move(measurement));
  CHECK(measurement.phase == AnalysisPhase::kRunning);
  CHECK(measurement.value.find("notEnoughYet") != std::string::npos);
  while (measurement.phase == AnalysisPhase::kRunning) measurement = bench.resume(std::move(measurement));
  CHECK(measurement.phase == AnalysisPhase::kSuccessful);
}

TEST_CASE("towpath/judge: one bad instance is no bad version, and is named") {
  Bench bench(", duration: 3m");
  bench.traffic.rates = {
      {"c", {.requests = 30, .errors = 3, .instances = {{"pod-a", 10, 3}, {"pod-b", 10, 0}, {"pod-c", 10, 0}}}},
      {"s", {.requests = 90}}};
  const model::Measurement measurement = bench.toItsEnd();
  CHECK(measurement.phase == AnalysisPhase::kInconclusive);
  CHECK(measurement.message == "no verdict within 3m0s: errors: what is wrong is wrong on pod-a alone");
  const Result<Value> evidence = json::parse(measurement.value);
  REQUIRE(evidence.has_value());
  CHECK(evidence->at({"metrics", "errors", "worstInstance"}).asStringView() == "pod-a");
}

TEST_CASE("towpath/judge: latency is compared where it is asked for") {
  Bench bench(", latency: {quantiles: [0.5], smallestRatio: '1.1'}, errors: {enabled: false}");
  bench.traffic.rates = {{"c", {.requests = 20, .latency_us = 13'000}}, {"s", {.requests = 80}}};
  const model::Measurement measurement = bench.toItsEnd();
  CHECK(measurement.phase == AnalysisPhase::kFailed);
  CHECK(measurement.message.starts_with("latency p50: the canary takes 1.3 times as long"));
}

TEST_CASE("towpath/judge: one slow instance is no slow version") {
  Bench bench(", latency: {quantiles: [0.9]}, errors: {enabled: false}, duration: 3m");
  const auto spread = [](std::uint64_t from) {
    sketch::Sketch latency;
    for (std::uint64_t i = 0; i < 40; ++i) latency.add(from * (80 + i) / 100);
    return latency;
  };
  const auto pods = [&](std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    return std::vector<TrafficSums::Instance>{
        {"pod-a", 40, 0, spread(a)}, {"pod-b", 40, 0, spread(b)}, {"pod-c", 40, 0, spread(c)}};
  };
  bench.traffic.rates = {{"c", {.requests = 120, .instances = pods(30'000, 10'000, 10'000)}}, {"s", {.requests = 360}}};
  model::Measurement measurement = bench.toItsEnd();
  CHECK(measurement.phase == AnalysisPhase::kInconclusive);
  CHECK(measurement.message == "no verdict within 3m0s: latency p90: what is wrong is wrong on pod-a alone");
  CHECK(bench.traffic.followed.at("default/c") > bench.loop.wallNow());
  bench.traffic.rates["c"].instances = pods(30'000, 30'000, 10'000);
  measurement = bench.toItsEnd();
  CHECK(measurement.phase == AnalysisPhase::kFailed);
}

TEST_CASE("towpath/judge: without traffic there is no verdict, and the policy says what that is") {
  for (const auto& [policy, phase] : {std::pair{"", AnalysisPhase::kInconclusive},
                                      {", onNoEvidence: pass", AnalysisPhase::kSuccessful},
                                      {", onNoEvidence: fail", AnalysisPhase::kFailed}}) {
    Bench bench(std::string(", duration: 2m") + policy);
    bench.traffic.rates = {{"s", {.requests = 80, .errors = 80}}};
    const model::Measurement measurement = bench.toItsEnd();
    CHECK(measurement.phase == phase);
    CHECK(bench.took(measurement) >= 2min);
    CHECK(bench.took(measurement) <= 150s);
    CHECK(measurement.message.starts_with("no verdict within 2m0s: 0 windows with 0 requests on the canary"));
  }
}

TEST_CASE("towpath/judge: what came before the start, and the warm-up, do not count") {
  Bench bench(", warmUp: 60s");
  bench.traffic.rates = {{"c", {.requests = 20, .errors = 20}}, {"s", {.requests = 80}}};
  model::Measurement measurement = bench.start();
  const WallTime started = bench.loop.wallNow();
  for (int i = 0; i < 5; ++i) {
    measurement = bench.resume(std::move(measurement));
    CHECK(bench.traffic.asked.from >= started);
    CHECK(measurement.phase == AnalysisPhase::kRunning);
  }
  while (measurement.phase == AnalysisPhase::kRunning) measurement = bench.resume(std::move(measurement));
  CHECK(bench.took(measurement) > 60s);
}

TEST_CASE("towpath/judge: a look that was lost with a crash is made again with the same end") {
  const auto end = [](bool crash) {
    Bench bench;
    bench.traffic.rates = {{"c", {.requests = 20, .errors = 1}}, {"s", {.requests = 80}}};
    model::Measurement stored = bench.start();
    stored = bench.resume(std::move(stored));
    // Computed and never written.
    if (crash) bench.resume(stored);
    while (stored.phase == AnalysisPhase::kRunning) stored = bench.resume(std::move(stored));
    return stored.value;
  };
  CHECK(end(true) == end(false));
}

TEST_CASE("towpath/judge: a run that is ended early has no verdict") {
  Bench bench;
  const model::Measurement ended = loop::blockOn(bench.loop, bench.provider()->terminate(bench.request, bench.start()));
  CHECK(ended.phase == AnalysisPhase::kInconclusive);
  CHECK(ended.finished_at.has_value());
}

TEST_CASE("towpath/judge: the classical method answers once, with a score") {
  Bench bench(", method: classical, duration: 20m");
  bench.traffic.rates = {{"c", {.requests = 20, .errors = 1}}, {"s", {.requests = 80}}};
  const model::Measurement bad = bench.toItsEnd();
  CHECK(bad.phase == AnalysisPhase::kFailed);
  CHECK(bad.value == "0");
  CHECK(bench.took(bad) >= 20min);
  Bench equal(", method: classical, duration: 20m");
  equal.traffic.rates = {{"c", {.requests = 20, .errors = 1}}, {"s", {.requests = 80, .errors = 4}}};
  CHECK(equal.toItsEnd().phase == AnalysisPhase::kSuccessful);
  Bench silent(", method: classical, duration: 20m");
  CHECK(silent.toItsEnd().phase == AnalysisPhase::kInconclusive);
}

TEST_CASE("towpath/judge: settings that make no sense are named") {
  const auto message = [](std::string_view settings) { return Bench(settings).start().message; };
  CHECK(message(", falseAbort: 2").starts_with("falseAbort: a number from"));
  CHECK(message(", window: soon").starts_with("window: a duration"));
  CHECK(message(", method: magic").starts_with("method: \"magic\" is neither"));
  CHECK(message(", onNoEvidence: shrug").starts_with("onNoEvidence:"));
  CHECK(message(", errors: {smallestRatio: 1}").starts_with("errors.smallestRatio:"));
  CHECK(message(", errors: {enabled: false}").starts_with("errors.enabled: nothing is compared"));
  CHECK(message(", latency: {quantiles: [2]}").starts_with("latency.quantiles:"));
  Bench bench;
  bench.request.provider = *json::parseYamlDocument("{plugin: {towpath/judge: {canary: a, stable: a}}}");
  CHECK(bench.start().message.starts_with("canary: canary and stable are the same version"));
  bench.request.provider = *json::parseYamlDocument("{plugin: {towpath/judge: {canary: a}}}");
  CHECK(bench.start().message.starts_with("stable: the pod template hash"));
}

}  // namespace towpath::metrics
