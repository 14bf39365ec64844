// New Relic and SkyWalking, by doubles: docs.newrelic.com (NerdGraph), skywalking.apache.org (Query Protocol).
#include <cstdlib>
#include <ctime>

#include "store_double.h"

namespace towpath::metrics {
namespace {

constexpr const char* kRelic = "{newRelic: {query: 'SELECT count(*) FROM T', timeout: 9}}";
constexpr const char* kSky =
    "{skywalking: {address: 'http://oap:12800', interval: 5m, query: 'query q($duration: Duration!) {x}'}}";

struct Relic : StoreDouble {
  Relic() { secret("argo-rollouts", "newrelic", {{"personal-api-key", "key"}, {"account-id", "123"}}); }
  void rows(std::string_view text) {
    answerOnly(fmt::format(R"({{"data":{{"actor":{{"account":{{"nrql":{{"results":{}}}}}}}}}}})", text));
  }
};

}  // namespace

TEST_CASE("newRelic: a row is a map, rows are a list") {
  Relic store;
  store.rows(R"([{"count":10,"percentile.duration":{"95":0.25}}])");
  model::Measurement measurement = store.measure(kRelic, "result.count > 5 && result['percentile.duration']['95'] < 1");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == R"({"count":10,"percentile.duration":{"95":0.25}})");
  CHECK(store.last().url == "https://api.newrelic.com/graphql");
  CHECK(store.last().headers.get("Api-Key") == "key");
  const Value body = store.lastBody();
  CHECK(body["variables"]["accountId"] == Value(123));
  CHECK(body["variables"]["query"].asString() == "SELECT count(*) FROM T");
  CHECK(body["variables"]["timeout"] == Value(9));
  CHECK(body["query"].asString().find("nrql(query: $query, timeout: $timeout)") != std::string::npos);
  store.rows(R"([{"count":1},{"count":2}])");
  CHECK(said(store.measure(kRelic, "len(result) == 2 && result[1].count == 2")) == "Successful");
  const MetricRequest request = store.request(kRelic);
  CHECK(store.provider(request)->metadata(request).at("ResolvedNewRelicQuery") == "SELECT count(*) FROM T");
}

TEST_CASE("newRelic: nothing, refusals, and what passes by itself") {
  Relic store;
  for (const char* nothing : {"[]", "[{}]", "null"}) {
    store.rows(nothing);
    CHECK(said(store.measure(kRelic)) == "Error: no results returned from NRQL query");
  }
  store.answerOnly(R"({"errors":[{"message":"NRQL Syntax Error"}],"data":null})");
  CHECK(said(store.measure(kRelic)) == "Error: NRQL Syntax Error");
  store.asked.clear();
  store.answers.clear();
  store.answer("busy", 503);
  store.answer("slow", 429);
  store.answer(R"({"data":{"actor":{"account":{"nrql":{"results":[{"count":1}]}}}}})");
  CHECK(said(store.measure(kRelic)) == "Successful");
  CHECK(store.asked.size() == 3);
  store.asked.clear();
  store.answerOnly("busy", 429);
  CHECK(said(store.measure(kRelic)) == "Error: New Relic answered 429: busy");
  CHECK(store.asked.size() == 4);
  CHECK(said(store.measure("{newRelic: {query: q, timeout: -1}}")) ==
        "Error: timeout value needs to be a positive value");
}

TEST_CASE("newRelic: profiles, regions") {
  Relic store;
  store.rows(R"([{"a":1}])");
  store.secret("argo-rollouts", "eu", {{"personal-api-key", "k"}, {"account-id", "1"}, {"region", "eu"}});
  store.secret("default", "own", {{"personal-api-key", "k"}, {"account-id", "1"}, {"base-url-nerdgraph", "http://ng"}});
  store.secret("argo-rollouts", "bad", {{"personal-api-key", "k"}});
  store.secret("argo-rollouts", "odd", {{"personal-api-key", "k"}, {"account-id", "x1"}});
  CHECK(said(store.measure("{newRelic: {query: q, profile: eu}}")) == "Successful");
  CHECK(store.last().url == "https://api.eu.newrelic.com/graphql");
  CHECK(said(store.measure("{newRelic: {query: q, profile: own}}")) == "Successful");
  CHECK(store.last().url == "http://ng");
  CHECK(said(store.measure("{newRelic: {query: q, profile: bad}}")) ==
        "Error: account ID or personal API key not found");
  CHECK(store.measure("{newRelic: {query: q, profile: odd}}").phase == AnalysisPhase::kError);
  CHECK(said(store.measure("{newRelic: {query: q, profile: none}}")) ==
        "Error: secret \"none\" not found in namespace argo-rollouts or default");
}

TEST_CASE("skywalking: data is the result, and times are minutes of this machine") {
  StoreDouble store;
  store.answer(R"({"data":{"service_apdex":{"label":null,"values":{"values":[{"value":9900},{"value":9800}]}}}})");
  const model::Measurement measurement = store.measure(kSky, "result.service_apdex.values.values[0].value >= 9900");
  CHECK(said(measurement) == "Successful");
  CHECK(store.last().url == "http://oap:12800/graphql");
  const Value body = store.lastBody();
  CHECK(body["variables"]["duration"]["step"].asString() == "MINUTE");
  const std::time_t now = 1767268800;
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H%M", &local);
  CHECK(body["variables"]["duration"]["end"].asString() == text);
}

TEST_CASE("skywalking: nothing, errors, no interval") {
  StoreDouble store;
  store.answer(R"({"data":null})");
  CHECK(said(store.measure(kSky)) == "Error: no results returned from SkyWalking query");
  store.answerOnly(R"({"errors":[{"message":"unknown field"}]})");
  CHECK(said(store.measure(kSky)) == "Error: graphql: unknown field");
  store.answerOnly("", 502);
  CHECK(said(store.measure(kSky)) == "Error: graphql: server returned a non-200 status code: 502");
  CHECK(said(store.measure("{skywalking: {address: 'http://o', query: q}}")).starts_with("Error: interval: "));
}

}  // namespace towpath::metrics
