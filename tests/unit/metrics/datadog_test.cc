// Datadog, by a double: docs.datadoghq.com/api/latest/metrics.
#include "store_double.h"

namespace towpath::metrics {
namespace {

constexpr const char* kV1 = "{datadog: {apiVersion: v1, interval: 10m, query: 'avg:errors{*}'}}";
constexpr const char* kV2 = "{datadog: {apiVersion: v2, queries: {b: 'sum:all{*}', a: 'sum:bad{*}'}, formula: a / b}}";

struct Dog : StoreDouble {
  Dog() { environment = {{"DD_API_KEY", "k"}, {"DD_APP_KEY", "a"}, {"DD_ADDRESS", "https://dog"}}; }
  std::string scalars(std::string_view columns) {
    return fmt::format(R"({{"data":{{"type":"scalar_response","attributes":{{"columns":[{}]}}}}}})", columns);
  }
};

}  // namespace

TEST_CASE("datadog v1: the last point of the first series") {
  Dog store;
  store.answer(
      R"({"status":"ok","series":[{"pointlist":[[1598867910000,0.0020008318672513122],[1598867925000,0.25]]}]})");
  const model::Measurement measurement = store.measure(kV1, "result < 0.5");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "0.25");
  CHECK(store.last().url == "https://dog/api/v1/query?from=1767268200&query=avg%3Aerrors%7B%2A%7D&to=1767268800");
  CHECK(store.last().headers.get("DD-API-KEY") == "k");
  CHECK(store.last().headers.get("DD-APPLICATION-KEY") == "a");
  CHECK(store.last().timeout == 10s);
}

TEST_CASE("datadog: no data is null, which a condition can ask for") {
  Dog store;
  store.answer(R"({"status":"ok","series":[]})");
  CHECK(store.measure(kV1, "default(result, 0) < 0.05").value == "[]");
  CHECK(said(store.measure(kV1, "result < 0.05")).find("metric result is nil or empty") != std::string::npos);
  store.answerOnly(store.scalars(R"({"name":"a / b","type":"number","values":[null]})"));
  CHECK(said(store.measure(kV2, "isNil(result)")) == "Successful");
}

TEST_CASE("datadog v2: queries and a formula") {
  Dog store;
  store.answer(store.scalars(R"({"name":"a / b","type":"number","values":[0.04]})"));
  const model::Measurement measurement = store.measure(kV2, "result < 0.05");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "0.04");
  CHECK(store.last().url == "https://dog/api/v2/query/scalar");
  CHECK(store.last().method == "POST");
  const Value body = store.lastBody();
  const Value& attributes = body["data"]["attributes"];
  CHECK(body["data"]["type"].asString() == "scalar_request");
  CHECK(attributes["to"].asInt() - attributes["from"].asInt() == 300'000);
  CHECK(attributes["queries"][0]["name"].asString() == "a");
  CHECK(attributes["queries"][0]["aggregator"].asString() == "last");
  CHECK(attributes["queries"][0]["data_source"].asString() == "metrics");
  CHECK(attributes["formulas"][0]["formula"].asString() == "a / b");
}

TEST_CASE("datadog v2: groups are a list, and metadata says whose is which") {
  Dog store;
  store.answer(store.scalars(R"({"name":"host","type":"group","values":[["h1"],["h2"],["h3"]]},
                                {"name":"query","type":"number","values":[0.1,null,0.3]})"));
  model::Measurement measurement = store.measure("{datadog: {apiVersion: v2, query: 'avg:e{*} by {host}'}}",
                                                 "all(result, # < 0.5) && len(result) == 2");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "[0.1,0.3]");
  CHECK(measurement.metadata["groups"] == R"([{"name":"h1","value":0.1},{"name":"h3","value":0.3}])");
  const Value body = store.lastBody();
  CHECK(body["data"]["attributes"]["queries"][0]["name"].asString() == "query");

  std::string hosts, values;
  for (int i = 0; i < 150; ++i) {
    hosts += fmt::format("{}[\"h{}\"]", i == 0 ? "" : ",", i);
    values += fmt::format("{}{}", i == 0 ? "" : ",", i);
  }
  store.answerOnly(store.scalars(
      fmt::format(R"({{"type":"group","values":[{}]}},{{"type":"number","values":[{}]}})", hosts, values)));
  measurement = store.measure("{datadog: {apiVersion: v2, query: q}}",
                              "len(result) == 100 && result[0] == 0 && result[99] == 149");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.metadata["groups_truncated"] == "true");
}

TEST_CASE("datadog: what it refuses") {
  Dog store;
  store.answer(R"({"errors":["Forbidden"]})", 403);
  CHECK(said(store.measure(kV1)) ==
        "Error: received authentication error response code: 403 {\"errors\":[\"Forbidden\"]}");
  store.answerOnly("slow down", 429);
  CHECK(said(store.measure(kV2)) == "Error: received non 2xx response code: 429 slow down");
  store.answerOnly("<html>");
  CHECK(said(store.measure(kV1)).starts_with("Error: Could not parse JSON body: "));
  store.answerOnly(R"({"data":{"errors":"no such metric"}})");
  CHECK(said(store.measure(kV2)) == "Error: There were errors in your query: no such metric");
  store.answerOnly(store.scalars(R"({"type":"number","values":["many"]})"));
  CHECK(store.measure(kV2).phase == AnalysisPhase::kError);
}

TEST_CASE("datadog: settings that contradict each other") {
  Dog store;
  store.answer("{}");
  for (const char* settings :
       {"apiVersion: v2", "apiVersion: v2, query: q, queries: {a: b}", "apiVersion: v1, queries: {a: b}",
        "apiVersion: v1, query: q, aggregator: avg", "apiVersion: v2, query: q, formula: a",
        "apiVersion: v2, queries: {a: x, b: y}", "query: q, requestTimeout: 0s", "query: q, interval: soon"}) {
    INFO(settings);
    CHECK(store.measure(fmt::format("{{datadog: {{{}}}}}", settings)).phase == AnalysisPhase::kError);
  }
  CHECK(store.asked.empty());
}

TEST_CASE("datadog: credentials of the Secret that is named, else of the environment, else of the Secret datadog") {
  Dog store;
  store.answer("{}");
  store.environment = {{"POD_NAMESPACE", "rollouts"}};
  CHECK(said(store.measure(kV1)) == "Error: failed to find the credentials for datadog metrics provider");
  store.secret("rollouts", "datadog", {{"api-key", "k1\n"}, {"app-key", "a1"}});
  store.measure(kV1);
  CHECK(store.last().url.starts_with("https://api.datadoghq.com/api/v1/query?"));
  CHECK(store.last().headers.get("DD-API-KEY") == "k1");
  store.secret("default", "mine", {{"api-key", "k2"}, {"app-key", "a2"}, {"address", "https://eu"}});
  store.measure("{datadog: {apiVersion: v1, query: q, secretRef: {name: mine, namespaced: true}}}");
  CHECK(store.last().url.starts_with("https://eu/"));
  CHECK(said(store.measure("{datadog: {query: q, secretRef: {namespaced: true}}}")) ==
        "Error: secret name is required for namespaced credentials");
  CHECK(said(store.measure("{datadog: {query: q, secretRef: {name: none}}}")) ==
        "Error: failed to find the credentials for datadog metrics provider");
}

}  // namespace towpath::metrics
