// Prometheus, by a double: prometheus.io/docs/prometheus/latest/querying/api. A real one is in
// tests/process/providers_test.py.
#include "store_double.h"

namespace towpath::metrics {
namespace {

constexpr const char* kMatrix = R"({"status":"success","data":{"resultType":"matrix","result":[]}})";
constexpr const char* kProvider = "{prometheus: {address: 'http://prom:9090/base/', query: up}}";

std::string vectorOf(std::string_view values) {
  std::string samples;
  for (std::size_t begin = 0; begin < values.size();) {
    const std::size_t end = std::min(values.find(' ', begin), values.size());
    samples += fmt::format(R"({}{{"metric":{{}},"value":[1435781451.781,"{}"]}})", begin == 0 ? "" : ",",
                           values.substr(begin, end - begin));
    begin = end + 1;
  }
  return fmt::format(R"({{"status":"success","data":{{"resultType":"vector","result":[{}]}}}})", samples);
}

}  // namespace

TEST_CASE("prometheus: an instant query is a form that is posted, with the time") {
  StoreDouble store;
  store.answer(vectorOf("0.5"));
  const model::Measurement measurement = store.measure(kProvider, "result[0] == 0.5");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "[0.5]");
  CHECK(store.last().method == "POST");
  CHECK(store.last().url == "http://prom:9090/base/api/v1/query");
  CHECK(store.last().headers.get("Content-Type") == "application/x-www-form-urlencoded");
  CHECK(formOf(store.last().body)["query"] == "up");
  CHECK(formOf(store.last().body)["time"] == "1767268800");
  CHECK(store.last().timeout == 30s);
}

TEST_CASE("prometheus: what comes is typed as the peer's: a number, a list of numbers") {
  StoreDouble store;
  const auto judge = [&](std::string body, std::string_view condition) {
    store.answerOnly(std::move(body));
    const model::Measurement measurement = store.measure(kProvider, condition);
    return std::pair(said(measurement), measurement.value);
  };
  using Said = std::pair<std::string, std::string>;
  const std::string scalar = R"({"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"1"]}})";
  CHECK(judge(scalar, "result == 1") == Said("Successful", "1"));
  CHECK(judge(scalar, "result == '1'").first.find("mismatched types float64 and string") != std::string::npos);
  CHECK(judge(vectorOf("1 0.25 NaN +Inf -Inf"), "len(result) == 5 && isNaN(result[2]) && isInf(result[3])") ==
        Said("Successful", "[1,0.25,NaN,+Inf,-Inf]"));
  CHECK(judge(vectorOf("1"), "result > 1").first.find("mismatched types []float64 and int") != std::string::npos);
  CHECK(judge(vectorOf(""), "len(result) == 0") == Said("Successful", "[]"));
  CHECK(judge(vectorOf(""), "result[0] < 1").first.find("metric result is nil or empty") != std::string::npos);
  CHECK(judge(vectorOf("NaN"), "result[0] >= 0.95").first == "Failed");
  CHECK(judge(R"({"status":"success","data":{"resultType":"matrix","result":[
                {"metric":{"i":"a"},"values":[[1,"1"],[2,"2"]]},{"metric":{"i":"b"},"values":[[1,"3"]]}]}})",
              "all(result, # > 0) && len(result) == 3") == Said("Successful", "[1,2,3]"));
  CHECK(judge(R"({"status":"success","data":{"resultType":"string","result":[1,"a"]}})", "true").first ==
        "Error: Prometheus metric type not supported");
  CHECK(judge(vectorOf("many"), "true").first.starts_with("Error: "));
}

TEST_CASE("prometheus: a range query computes its times") {
  StoreDouble store;
  store.answer(kMatrix);
  CHECK(said(store.measure("{prometheus: {address: 'http://p', query: up, rangeQuery: "
                           "{start: 'now() - duration(\"1h\")', end: 'now()', step: 1m30s}}}",
                           "len(result) == 0")) == "Successful");
  CHECK(store.last().url == "http://p/api/v1/query_range");
  auto form = formOf(store.last().body);
  CHECK(form["start"] == "1767265200");
  CHECK(form["end"] == "1767268800");
  CHECK(form["step"] == "90");
  CHECK(said(store.measure(
                 "{prometheus: {address: 'http://p', query: up, rangeQuery: {start: 'now(', end: 'now()', step: 1m}}}"))
            .starts_with("Error: rangeQuery.start: "));
  CHECK(said(store.measure(
                 "{prometheus: {address: 'http://p', query: up, rangeQuery: {start: 'now()', end: 'now()', step: x}}}"))
            .starts_with("Error: rangeQuery.step: "));
}

TEST_CASE("prometheus: times of a range query are expressions of the condition language") {
  StoreDouble store;
  const auto start = [&](const std::string& text) {
    store.answer(kMatrix);
    const std::string measured = said(store.measure(fmt::format(
        "{{prometheus: {{address: 'http://p', query: up, rangeQuery: {{start: '{}', end: 'now()', step: 1m}}}}}}",
        text)));
    return measured.starts_with("Error") ? measured : formOf(store.last().body)["start"];
  };
  const std::int64_t now = std::stoll(start("now()"));
  CHECK(start("now() - duration(\"5m\") + duration(\"1m\")") == std::to_string(now - 240));
  CHECK(start("now() - 2 * duration(\"1h\")") == std::to_string(now - 7200));
  CHECK(start("date(\"2024-02-29T01:02:03Z\")") == "1709168523");
  CHECK(start("date(\"2024-02-29\").AddDate(0, 0, 1)") == "1709251200");
  CHECK(start("date(timezone(\"Europe/Berlin\"), \"2024-02-29 01:00:00\")") == "1709164800");
  CHECK(start("duration(\"5m\")") == "Error: rangeQuery.start: expected time.Time, but got time.Duration");
  CHECK(start("now() - 5") ==
        "Error: rangeQuery.start: 1:7: invalid operation: - (mismatched types time.Time and int)");
  CHECK(start("result") == "Error: rangeQuery.start: 1:1: unknown name result");
  CHECK(start("date(\"2300-01-01\")") == "Error: rangeQuery.start: the time is out of range: its year is 2300");
}

TEST_CASE("prometheus: a door that lets only readers in is asked by GET") {
  for (const int status : {403, 405, 501}) {
    StoreDouble store;
    store.answer("no", status);
    store.answer(vectorOf("1"));
    CHECK(said(store.measure(kProvider, "result[0] == 1")) == "Successful");
    CHECK(store.last().method == "GET");
    CHECK(store.last().url.starts_with("http://prom:9090/base/api/v1/query?query=up&time="));
  }
}

TEST_CASE("prometheus: errors are told as its Go client tells them") {
  StoreDouble store;
  const auto error = [&](std::string body, int status) {
    store.answerOnly(std::move(body), status);
    return said(store.measure(kProvider, "true"));
  };
  CHECK(error(R"({"status":"error","errorType":"bad_data","error":"parse error: no"})", 400) ==
        "Error: bad_data: parse error: no");
  CHECK(error(R"({"status":"error","errorType":"execution","error":"too many samples"})", 422) ==
        "Error: execution: too many samples");
  CHECK(error("too many requests", 429) == "Error: client_error: client error: 429");
  CHECK(error("", 503) == "Error: server_error: server error: 503");
  CHECK(error("<html>", 200).starts_with("Error: bad_response: Could not parse JSON body"));
  CHECK(
      error(R"({"status":"success","data":{"resultType":"vector","result":[)", 200).starts_with("Error: bad_response"));
}

TEST_CASE("prometheus: warnings and the query are kept beside the measurement") {
  StoreDouble store;
  store.answer(R"({"status":"success","warnings":["w 1","w2"],"data":{"resultType":"vector","result":[]}})");
  CHECK(store.measure(kProvider, "true").metadata ==
        std::map<std::string, std::string>{{"warnings", "\"w 1\", \"w2\""}});
  const MetricRequest request = store.request(kProvider);
  CHECK(store.provider(request)->metadata(request) ==
        std::map<std::string, std::string>{{"ResolvedPrometheusQuery", "up"}});
}

TEST_CASE("prometheus: the address is the metric's, or the environment's") {
  StoreDouble store;
  store.answer(vectorOf("1"));
  CHECK(said(store.measure("{prometheus: {query: up}}")) == "Error: prometheus address is not configured");
  CHECK(said(store.measure("{prometheus: {address: prom, query: up}}")) ==
        "Error: prometheus address is not is url format");
  store.environment["ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"] = "https://env:1";
  CHECK(said(store.measure("{prometheus: {query: up}}")) == "Successful");
  CHECK(store.last().url == "https://env:1/api/v1/query");
}

TEST_CASE("prometheus: headers, TLS, time and passwords") {
  StoreDouble store;
  store.answer(vectorOf("1"));
  const auto measure = [&](std::string_view more) {
    return said(store.measure(fmt::format("{{prometheus: {{address: 'http://p', query: up, {}}}}}", more)));
  };
  CHECK(measure("insecure: true, timeout: 7, headers: [{key: X-Scope-OrgID, value: t1}]") == "Successful");
  CHECK(store.last().headers.get("X-Scope-OrgID") == "t1");
  CHECK(store.last().tls.verify == http::Verify::kNo);
  CHECK(store.last().timeout == 7s);
  CHECK(measure("timeout: -1") == "Error: prometheus timeout should not be negative");
  CHECK(measure("timeout: 0").starts_with("Error: timeout: "));
  CHECK(measure("authentication: {basicAuth: {username: u, password: p}}") == "Successful");
  CHECK(store.last().headers.get("Authorization") == "Basic " + encodeBase64("u:p"));
  CHECK(measure("authentication: {basicAuth: {username: u}}") ==
        "Error: missing mandatory parameter in metric for basic auth setup: password");
  CHECK(measure(
            "headers: [{key: Authorization, value: mine}], authentication: {basicAuth: {username: u, password: p}}") ==
        "Successful");
  CHECK(store.last().headers.get("Authorization") == "mine");
  CHECK(measure("authentication: {oauth2: {tokenUrl: 'http://id', clientId: c}}") ==
        "Error: missing mandatory parameter in metric for OAuth2 setup");
}

TEST_CASE("prometheus: requests to Amazon's are signed, others are not") {
  StoreDouble store;
  store.answer(vectorOf("1"));
  store.environment = {{"AWS_ACCESS_KEY_ID", "AKID"}, {"AWS_SECRET_ACCESS_KEY", "secret"}, {"AWS_REGION", "eu-west-1"}};
  const char* auth = "authentication: {sigv4: {region: us-east-2}}";
  CHECK(
      said(store.measure(fmt::format(
          "{{prometheus: {{address: 'https://aps-workspaces.us-east-2.amazonaws.com/workspaces/ws', query: up, {}}}}}",
          auth))) == "Successful");
  const std::string signature(store.last().headers.get("Authorization"));
  CHECK(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-2/aps/aws4_request, SignedHeaders="));
  store.measure(fmt::format("{{prometheus: {{address: 'http://p', query: up, {}}}}}", auth));
  CHECK_FALSE(store.last().headers.contains("Authorization"));
}

}  // namespace towpath::metrics
