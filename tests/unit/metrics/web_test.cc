#include "store_double.h"

namespace towpath::metrics {

TEST_CASE("web: the JSON path of an answer is judged") {
  StoreDouble store;
  store.answer(R"({"data": {"ok": true, "rate": 0.5}})");
  model::Measurement measurement =
      store.measure("{web: {url: 'http://x/', jsonPath: '{$.data.rate}', timeoutSeconds: 3}}", "result < 1");
  CHECK(measurement.phase == AnalysisPhase::kSuccessful);
  CHECK(measurement.value == "0.5");
  CHECK(store.last().timeout == 3s);
  CHECK(store.last().method == "GET");
  measurement = store.measure("{web: {url: 'http://x/', jsonPath: '{$.data.none}'}}", "result < 1");
  CHECK(said(measurement).starts_with("Error: Could not find JSONPath in body"));
}

TEST_CASE("web: a body that is no JSON is the result itself, and other answers are errors") {
  StoreDouble store;
  store.answer("OK all well");
  CHECK(said(store.measure("{web: {url: 'http://x/'}}", "result contains 'OK'")) == "Successful");
  store.answerOnly("", 503);
  CHECK(said(store.measure("{web: {url: 'http://x/'}}", "true")) == "Error: received non 2xx response code: 503");
  store.answers = {fail(ErrorKind::kUnavailable, "connection refused")};
  CHECK(said(store.measure("{web: {url: 'http://x/'}}", "true")) == "Error: connection refused");
}

TEST_CASE("web: bodies and headers are sent as asked for") {
  StoreDouble store;
  store.answer("{}");
  store.measure(
      "{web: {url: 'http://x/', method: POST, jsonBody: {a: 1}, insecure: true, "
      "headers: [{key: content-type, value: text/plain}, {key: X-A, value: b}]}}",
      "true");
  CHECK(store.last().body == R"({"a":1})");
  CHECK(store.last().headers.get("Content-Type") == "application/json");
  CHECK(store.last().headers.get("x-a") == "b");
  CHECK(store.last().tls.verify == http::Verify::kNo);
  CHECK(store.measure("{web: {url: 'http://x/', body: a}}", "true").phase == AnalysisPhase::kError);
  CHECK(said(store.measure("{web: {url: 'http://x/', method: POST, body: a, jsonBody: {}}}")) ==
        "Error: use either Body or JSONBody; both cannot exists for WebMetric payload");
}

TEST_CASE("web: numbers are doubles, as the peer's conditions see them") {
  StoreDouble store;
  store.answer(R"({"a": 7, "list": [1, 2]})");
  CHECK(said(store.measure("{web: {url: 'http://x/'}}", "result.a / 2 == 3.5")) == "Successful");
  CHECK(store.measure("{web: {url: 'http://x/', jsonPath: '{$.a}'}}", "result % 2 == 1").phase ==
        AnalysisPhase::kError);
  CHECK(store.measure("{web: {url: 'http://x/', jsonPath: '{$.list}'}}", "1 in result").value == "[1,2]");
}

TEST_CASE("web: client credentials are exchanged for a token first") {
  StoreDouble store;
  store.answer(R"({"access_token": "t0k", "token_type": "Bearer", "expires_in": 60})");
  store.answer(R"({"ok": true})");
  const char* provider =
      "{web: {url: 'http://x/', authentication: {oauth2: {tokenUrl: 'http://id/token', clientId: me, clientSecret: "
      "s/c, "
      "scopes: [a, b]}}}}";
  CHECK(said(store.measure(provider, "result.ok")) == "Successful");
  REQUIRE(store.asked.size() == 2);
  CHECK(store.asked[0].url == "http://id/token");
  CHECK(store.asked[0].headers.get("Authorization") == "Basic " + encodeBase64("me:s%2Fc"));
  CHECK(formOf(store.asked[0].body)["grant_type"] == "client_credentials");
  CHECK(formOf(store.asked[0].body)["scope"] == "a b");
  CHECK(store.asked[1].headers.get("Authorization") == "Bearer t0k");
}

TEST_CASE("web: a token server that knows no header is asked by form, and its refusal is told") {
  StoreDouble store;
  store.answer("no", 401);
  store.answer(R"({"error": "invalid_client"})", 401);
  const model::Measurement measurement = store.measure(
      "{web: {url: 'http://x/', authentication: {oauth2: {tokenUrl: 'http://id/', clientId: me, clientSecret: s}}}}");
  CHECK(said(measurement).starts_with("Error: oauth2: cannot fetch token: 401 Unauthorized\nResponse: "));
  REQUIRE(store.asked.size() == 2);
  CHECK_FALSE(store.asked[1].headers.contains("Authorization"));
  CHECK(formOf(store.asked[1].body)["client_secret"] == "s");
}

}  // namespace towpath::metrics
