// Graphite, InfluxDB and Wavefront, by doubles: graphite.readthedocs.io (Render URL API), docs.influxdata.com (API v2,
// annotated CSV; API v1), docs.wavefront.com (chart API). A real Graphite and a real InfluxDB 1 are in
// tests/process/providers_test.py.
#include "metrics/flux_csv.h"
#include "store_double.h"

namespace towpath::metrics {
namespace {

constexpr const char* kGraphite =
    "{graphite: {address: 'http://g/', query: \"target=summarize(a.b, '5min')\\n&from=-5min\"}}";
constexpr const char* kInflux = "{influxdb: {query: 'from(bucket: \"b\")'}}";
constexpr const char* kWave = "{wavefront: {address: x.wavefront.com, query: 'ts(a)'}}";

constexpr const char* kTables =
    "#datatype,string,long,dateTime:RFC3339,double,string\r\n"
    "#group,false,false,false,false,true\r\n"
    "#default,_result,,,,\r\n"
    ",result,table,_time,_value,host\r\n"
    ",,0,2026-01-01T00:00:00Z,0.5,\"a,b\"\r\n"
    ",,0,2026-01-01T00:01:00Z,1e3,\"quo\"\"te\"\r\n"
    "\r\n"
    "#datatype,string,long,long,boolean\r\n"
    "#group,false,false,false,false\r\n"
    "#default,_result,,7,\r\n"
    ",result,table,_value,x\r\n"
    ",,1,42,true\r\n"
    ",,1,,false\r\n";

struct Flux : StoreDouble {
  Flux() {
    secret("argo-rollouts", "influxdb", {{"authToken", "tok"}, {"org", "my org"}, {"address", "http://influx"}});
  }
};

struct Wave : StoreDouble {
  Wave() { secret("argo-rollouts", "wavefront-api-tokens", {{"x.wavefront.com", "tok"}}); }
};

}  // namespace

TEST_CASE("graphite: the first target's values, without nulls") {
  StoreDouble store;
  store.answer(R"([{"target":"a","datapoints":[[null,1],[0.1,2],[2,3]]},{"target":"b","datapoints":[[9,1]]}])");
  const model::Measurement measurement = store.measure(kGraphite, "result[0] == 0.1 && len(result) == 2");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "[0.100000,2.000000]");
  CHECK(store.last().url == "http://g/render?format=json&from=-5min&target=summarize%28a.b%2C%275min%27%29");
  CHECK(store.last().timeout == 10s);
}

TEST_CASE("graphite: nothing, only nulls, refusals") {
  StoreDouble store;
  for (const char* nothing : {"[]", R"([{"target":"a","datapoints":[]}])"}) {
    store.answerOnly(nothing);
    CHECK(said(store.measure(kGraphite)) == "Error: no values found");
  }
  store.answerOnly(R"([{"target":"a","datapoints":[[null,1]]}])");
  CHECK(said(store.measure(kGraphite, "result[0] < 1")).find("metric result is nil or empty") != std::string::npos);
  CHECK(said(store.measure(kGraphite, "len(result) == 0")) == "Successful");
  store.answerOnly("Invalid target", 400);
  CHECK(said(store.measure(kGraphite)) == "Error: error response: Invalid target");
  store.answerOnly("[{\"target\": \"a\", \"datapo");
  CHECK(said(store.measure(kGraphite)).starts_with("Error: Could not parse JSON body"));
  CHECK(said(store.measure("{graphite: {address: g, query: target=a}}")).starts_with("Error: address: "));
  CHECK(said(store.measure("{graphite: {address: 'http://g', query: ' '}}")).starts_with("Error: query: "));
}

TEST_CASE("influxdb: every _value of every table, typed by its annotation") {
  Flux store;
  store.answer(kTables);
  const model::Measurement measurement =
      store.measure(kInflux, "result[0] == 0.5 && result[2] % 2 == 0 && len(result) == 4");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "[0.5 1000 42 7]");
  CHECK(store.last().url == "http://influx/api/v2/query?org=my%20org");
  CHECK(store.last().headers.get("Authorization") == "Token tok");
  const Value body = store.lastBody();
  CHECK(body["type"].asString() == "flux");
  CHECK(body["dialect"]["annotations"][2].asString() == "default");
}

TEST_CASE("influxdb: nothing, refusals, an error in the middle of an answer, no credentials") {
  Flux store;
  store.answer("\r\n");
  CHECK(said(store.measure(kInflux)) == "Error: no results returned from flux query");
  store.answerOnly(R"({"code":"unauthorized","message":"unauthorized access"})", 401);
  CHECK(said(store.measure(kInflux)) == "Error: InfluxDB answered 401: unauthorized access");
  store.answerOnly("error\n\"type error 1:33-1:37: undefined identifier \"\"rang\"\"\"\n", 500);  // as 1.8 does
  CHECK(said(store.measure(kInflux)) ==
        "Error: InfluxDB answered 500: type error 1:33-1:37: undefined identifier \"rang\"");
  store.answerOnly("error\n", 500);
  CHECK(said(store.measure(kInflux)) == "Error: InfluxDB answered 500: error\n");
  store.answerOnly(
      "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,query terminated,897\r\n");
  CHECK(said(store.measure(kInflux)) == "Error: flux query failed: query terminated");
  store.answerOnly("#datatype,string,long,double\n,result,table,_value\n,,0,many\n");
  CHECK(store.measure(kInflux).phase == AnalysisPhase::kError);
  store.secret("default", "half", {{"authToken", "t"}});
  CHECK(said(store.measure("{influxdb: {query: q, profile: half}}")) == "Error: authToken, org, or address not found");
}

TEST_CASE("influxdb: a Secret with a database means InfluxQL; every value but times and nulls") {
  StoreDouble store;
  const std::string address = "http://influx:8086/";
  store.secret("argo-rollouts", "influxdb", {{"address", address}, {"database", "my shop"}});
  store.answer(R"({"results":[{"statement_id":0,"series":[
      {"name":"errors","tags":{"host":"a"},"columns":["time","mean","max"],
       "values":[["2026-01-01T00:00:00Z",0.5,1],["2026-01-01T00:01:00Z",null,null]]},
      {"name":"errors","tags":{"host":"b"},"columns":["time","mean","max"],"values":[["2026-01-01T00:00:00Z",2,3]]}]}]})");
  const model::Measurement measurement =
      store.measure("{influxdb: {query: 'SELECT mean(v) FROM errors'}}", "max(result) < 3.5");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "[0.5 1 2 3]");
  CHECK(store.last().method == "GET");
  CHECK(store.last().url == "http://influx:8086/query?db=my+shop&q=SELECT+mean%28v%29+FROM+errors");
  CHECK(store.last().headers.get("Authorization").empty());

  const auto authorization = [&](const std::string& profile, std::map<std::string, std::string> secret) {
    secret.insert({{"address", address}, {"database", "d"}});
    store.secret("default", profile, secret);
    static_cast<void>(store.measure(fmt::format("{{influxdb: {{query: q, profile: {}}}}}", profile)));
    return std::string(store.last().headers.get("Authorization"));
  };
  CHECK(authorization("of-a-user", {{"username", "me"}, {"password", "pass"}, {"retentionPolicy", "a week"}}) ==
        "Basic bWU6cGFzcw==");
  CHECK(store.last().url == "http://influx:8086/query?db=d&q=q&rp=a+week");
  CHECK(authorization("of-a-token", {{"authToken", "tok"}}) == "Token tok");
}

TEST_CASE("influxdb: what InfluxQL is refused for, nothing, an answer that the server cut off") {
  StoreDouble store;
  store.secret("argo-rollouts", "influxdb", {{"address", "http://influx:8086"}, {"database", "shop"}});
  const auto says = [&](std::string_view body, int status) {
    store.answerOnly(std::string(body), status);
    return said(store.measure(kInflux));
  };
  CHECK(says(R"({"results":[{"statement_id":0}]})", 200) == "Error: no results returned from influxql query");
  CHECK(says(R"({"results":[{"statement_id":0,"error":"database not found: shop"}]})", 200) ==
        "Error: influxql query failed: database not found: shop");
  CHECK(says(R"({"error":"error parsing query: found FORM, expected FROM"})", 400) ==
        "Error: InfluxDB answered 400: error parsing query: found FORM, expected FROM");
  CHECK(says(R"({"error":"authorization failed"})", 401) == "Error: InfluxDB answered 401: authorization failed");
  CHECK(says(R"({"results":[{"series":[{"columns":["time","v"],"values":[[0,1]],"partial":true}]}]})", 200) ==
        "Error: the answer was cut off by the server: ask for less, or for a mean");
  CHECK(says("{}", 200) == "Error: no answer to an InfluxQL query: it has no results");
  store.secret("default", "half", {{"database", "shop"}});
  CHECK(said(store.measure("{influxdb: {query: q, profile: half}}")) ==
        "Error: secret \"half\" has a database, but no address");
}

TEST_CASE("annotated CSV that is cut anywhere is read or refused, never more") {
  const std::string_view whole = kTables;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto values = readFluxValues(whole.substr(0, size));
    if (values) CHECK(values->size() <= 4);
  }
}

TEST_CASE("wavefront: of each series the point closest to now") {
  Wave store;
  store.answer(
      R"({"timeseries":[{"label":"a","data":[[1767268700,1],[1767268790,2.345],[1767268900,3]]}],"warnings":"old"})");
  model::Measurement measurement = store.measure(kWave, "result < 3");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "2.35");
  CHECK(measurement.metadata ==
        std::map<std::string, std::string>{{"drift", "10"}, {"timestamps", "1767268790"}, {"warnings", "old"}});
  CHECK(store.last().url.starts_with("https://x.wavefront.com/api/v2/chart/api?"));
  auto form = formOf(store.last().url);
  CHECK(form["q"] == "ts(a)");
  CHECK(form["s"] == "1767268800000");
  CHECK(form["e"] == form["s"]);
  CHECK(store.last().headers.get("Authorization") == "Bearer tok");
  store.answerOnly(R"({"timeseries":[{"data":[[1767268800,1]]},{"data":[[1767268800,"NaN"]]}]})");
  measurement = store.measure(kWave, "len(result) == 2 && isNaN(result[1])");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "[1.00,NaN]");
}

TEST_CASE("wavefront: nothing, refusals, no token") {
  Wave store;
  store.answer("{}");
  CHECK(said(store.measure(kWave)) == "Error: No TimeSeries found in response from Wavefront");
  store.answerOnly("rate limited", 429);
  CHECK(said(store.measure(kWave)) == "Error: server returned 429 Too Many Requests: rate limited");
  CHECK(said(store.measure("{wavefront: {address: y, query: q}}")) == "Error: API token not found");
}

}  // namespace towpath::metrics
