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
  http::ClientRequest asked;
  Result<http::Response> response = http::Response{.status = 200, .headers = {}, .body = "{}"};

  model::Measurement measure(std::string_view provider, std::string_view condition) {
    ProviderContext context{.loop = &loop, .fetch = {}, .traffic = &traffic};
    context.fetch = [this](http::ClientRequest request) -> loop::Task<Result<http::Response>> {
      asked = std::move(request);
      co_return response;
    };
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

TEST_CASE("web: the JSON path of an answer is judged") {
  Bench bench;
  bench.response->body = R"({"data": {"ok": true, "rate": 0.5}})";
  model::Measurement measurement =
      bench.measure("{web: {url: 'http://x/', jsonPath: '{$.data.rate}', timeoutSeconds: 3}}", "result < 1");
  CHECK(measurement.phase == AnalysisPhase::kSuccessful);
  CHECK(measurement.value == "0.5");
  CHECK(bench.asked.timeout == 3s);
  CHECK(bench.asked.method == "GET");
  measurement = bench.measure("{web: {url: 'http://x/', jsonPath: '{$.data.none}'}}", "result < 1");
  CHECK(measurement.phase == AnalysisPhase::kError);
  CHECK(measurement.message.starts_with("Could not find JSONPath in body"));
}

TEST_CASE("web: a body that is no JSON is the result itself, and other answers are errors") {
  Bench bench;
  bench.response->body = "OK all well";
  CHECK(bench.measure("{web: {url: 'http://x/'}}", "result contains 'OK'").phase == AnalysisPhase::kSuccessful);
  bench.response->status = 503;
  model::Measurement measurement = bench.measure("{web: {url: 'http://x/'}}", "true");
  CHECK(measurement.phase == AnalysisPhase::kError);
  CHECK(measurement.message == "received non 2xx response code: 503");
  bench.response = fail(ErrorKind::kUnavailable, "connection refused");
  CHECK(bench.measure("{web: {url: 'http://x/'}}", "true").message == "connection refused");
}

TEST_CASE("web: bodies and headers are sent as asked for") {
  Bench bench;
  bench.measure(
      "{web: {url: 'http://x/', method: POST, jsonBody: {a: 1}, insecure: true, "
      "headers: [{key: content-type, value: text/plain}, {key: X-A, value: b}]}}",
      "true");
  CHECK(bench.asked.body == R"({"a":1})");
  CHECK(bench.asked.headers.get("Content-Type") == "application/json");
  CHECK(bench.asked.headers.get("x-a") == "b");
  CHECK(bench.asked.tls.verify == http::Verify::kNo);
  CHECK(bench.measure("{web: {url: 'http://x/', body: a}}", "true").phase == AnalysisPhase::kError);
}

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

TEST_CASE("a metric needs one provider that there is") {
  const auto make = [](std::string_view text) { return makeProvider(*json::parseYamlDocument(text), {}); };
  CHECK(make("{}").error().message == "no provider specified");
  CHECK(make("{web: {}, job: {}}").error().message == "multiple providers specified");
  CHECK(make("{kayenta: {}}").error().kind == ErrorKind::kUnsupported);
}

}  // namespace towpath::metrics
