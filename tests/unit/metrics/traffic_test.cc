#include <doctest/doctest.h>

#include "json/yaml.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "metrics/registry.h"

namespace towpath::metrics {
namespace {

using model::AnalysisPhase;

class FakeTraffic final : public TrafficSource {
 public:
  TrafficSums sums(const TrafficQuery& query) const override {
    asked = query;
    return answer;
  }
  TrafficSums answer;
  mutable TrafficQuery asked;
};

struct Bench {
  loop::VirtualLoop loop;
  FakeTraffic traffic;

  model::Measurement measure(std::string_view provider, std::string_view condition) {
    const ProviderContext context{.loop = &loop, .traffic = &traffic};
    MetricRequest request{
        .ns = "default", .run_name = "run", .run_uid = "u", .attempt = 1, .metric = {}, .provider = {}};
    request.metric.name = "m";
    request.metric.success_condition = condition;
    request.provider = *json::parseYamlDocument(provider);
    const auto made = makeProvider(request.provider, context);
    REQUIRE(made.has_value());
    return loop::blockOn(loop, (*made)->start(std::move(request)));
  }
};

}  // namespace

TEST_CASE("towpath/traffic: the error ratio counts what the service failed to answer") {
  Bench bench;
  bench.traffic.answer = {.samples = 3, .requests = 200, .status_2xx = 180, .status_5xx = 15, .connection_errors = 5};
  const char* provider = "{plugin: {towpath/traffic: {service: s, version: h, window: 1m, minRequests: '100'}}}";
  const model::Measurement measurement = bench.measure(provider, "result < 0.05");
  CHECK(measurement.phase == AnalysisPhase::kFailed);
  CHECK(measurement.value == "0.1");
  CHECK(bench.traffic.asked.pod_template_hash == "h");
  CHECK(bench.traffic.asked.to - bench.traffic.asked.from == 1min);
}

TEST_CASE("towpath/traffic: too few requests, or nobody who counts, is never good") {
  Bench bench;
  const char* provider = "{plugin: {towpath/traffic: {service: s, minRequests: 100}}}";
  CHECK(bench.measure(provider, "result < 0.05").phase == AnalysisPhase::kError);
  bench.traffic.answer = {.samples = 3, .requests = 99, .status_2xx = 99};
  CHECK(bench.measure(provider, "result < 0.05").phase == AnalysisPhase::kError);
  CHECK(bench.measure(provider, "").phase == AnalysisPhase::kError);
  CHECK(bench.measure(provider, "isNil(result) || result < 0.05").phase == AnalysisPhase::kSuccessful);
  CHECK(bench.measure("{plugin: {towpath/traffic: {metric: requests, service: s}}}", "result == 99").phase ==
        AnalysisPhase::kSuccessful);
}

TEST_CASE("towpath/traffic: a setting that it does not know is refused by its name, not passed over") {
  Bench bench;
  bench.traffic.answer = {.samples = 3, .requests = 99, .status_2xx = 99};
  const model::Measurement measurement =
      bench.measure("{plugin: {towpath/traffic: {service: s, hash: abc}}}", "result < 0.05");
  CHECK(measurement.phase == AnalysisPhase::kError);
  CHECK(measurement.message.contains("hash"));
  CHECK(measurement.message.contains("version"));
}

}  // namespace towpath::metrics
