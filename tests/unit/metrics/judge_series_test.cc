// towpath/judge with method: classical over series of another provider: one comparison at the end, scored as users of
// Kayenta know it.
#include "metrics/judge_settings.h"
#include "store_double.h"

namespace towpath::metrics {
namespace {

std::string matrixOf(const std::vector<std::string>& values) {
  std::string samples;
  for (const std::string& value : values) {
    samples += fmt::format(R"({}[{},"{}"])", samples.empty() ? "" : ",", 1'767'268'800, value);
  }
  return fmt::format(
      R"({{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{}]}}]}}}})", samples);
}

std::vector<std::string> around(double mean, int count = 30) {
  std::vector<std::string> values;
  for (int i = 0; i < count; ++i) values.push_back(fmt::format("{:.5f}", mean * (1 + 0.02 * ((i * 7) % 11 - 5) / 5)));
  return values;
}

std::string metric(const std::string& name, const std::string& more = "") {
  const auto question = [&](const char* version) {
    return fmt::format(
        "{{prometheus: {{address: 'http://prom:9090', query: '{}{{version=\"{}\"}}', rangeQuery: {{start: "
        "'now() - duration(\"30m\")', end: 'now()', step: 1m}}}}}}",
        name, version);
  };
  return fmt::format("{{name: {}, canary: {}, stable: {}{}}}", name, question("new"), question("old"), more);
}

std::string judgeOf(const std::string& metrics, const std::string& more = "") {
  return fmt::format("{{plugin: {{towpath/judge: {{method: classical, duration: 10m, metrics: [{}]{}}}}}}}", metrics,
                     more);
}

// To its end, with a new provider for each look, as the engine does.
model::Measurement judged(StoreDouble& store, const std::string& provider) {
  MetricRequest request{.ns = "default", .run_name = "run", .run_uid = "u", .attempt = 1, .metric = {}, .provider = {}};
  request.provider = yaml(provider);
  const auto made = [&] { return std::move(*makeProvider(request.provider, store.context)); };
  model::Measurement measurement = loop::blockOn(store.loop, made()->start(request));
  for (int looks = 0; measurement.phase == AnalysisPhase::kRunning; ++looks) {
    REQUIRE(looks < 10);
    CHECK(store.asked.empty());  // only at the end
    store.loop.advance(std::max<Duration>(*measurement.resume_at - store.loop.steadyNow(), 1ms));
    measurement = loop::blockOn(store.loop, made()->resume(request, std::move(measurement)));
  }
  return measurement;
}

}  // namespace

TEST_CASE("judge of series: both versions are asked once, at the end, and alike ones pass") {
  StoreDouble store;
  store.answer(matrixOf(around(0.01)));
  const model::Measurement measurement = judged(store, judgeOf(metric("errors", ", direction: increase")));
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "100");
  REQUIRE(store.asked.size() == 2);
  CHECK(store.asked[0].url == "http://prom:9090/api/v1/query_range");
  CHECK(formOf(store.asked[0].body)["query"] == "errors{version=\"new\"}");
  CHECK(formOf(store.asked[1].body)["query"] == "errors{version=\"old\"}");
  CHECK(*measurement.finished_at - *measurement.started_at >= 10min);
}

TEST_CASE("judge of series: groups have weights, and a rise that is allowed is none") {
  const auto score = [](const std::string& more, const std::string& settings) {
    StoreDouble store;
    for (const double mean : {0.02, 0.01, 100., 100.}) store.answer(matrixOf(around(mean)));
    return judged(store, judgeOf(metric("errors", ", groups: [health], direction: increase" + more) + ", " +
                                     metric("latency", ", groups: [speed], direction: increase"),
                                 ", groupWeights: {health: 60, speed: 40}" + settings));
  };
  const model::Measurement worse = score("", "");
  CHECK(worse.phase == AnalysisPhase::kFailed);
  CHECK(worse.value == "40");
  CHECK(worse.metadata.at("errors").starts_with("High"));
  CHECK(worse.metadata.at("latency").starts_with("Pass"));
  CHECK(score("", ", pass: 75, marginal: 40").phase == AnalysisPhase::kInconclusive);
  CHECK(score(", effectSize: {allowedIncrease: 2.5}", "").phase == AnalysisPhase::kSuccessful);
  const model::Measurement critical = score(", critical: true", ", pass: 75, marginal: 40");
  CHECK(critical.phase == AnalysisPhase::kFailed);
  CHECK(critical.value == "0");
}

TEST_CASE("judge of series: missing values are left out, or count as 0") {
  const auto with = [](const std::string& more) {
    StoreDouble store;
    store.answer(matrixOf(std::vector<std::string>(30, "NaN")));
    store.answer(matrixOf(around(5)));
    return judged(store, judgeOf(metric("requests", more)));
  };
  CHECK(with(", direction: decrease, nanStrategy: replace").phase == AnalysisPhase::kFailed);
  CHECK(with(", direction: decrease").phase == AnalysisPhase::kInconclusive);  // no data at all
  CHECK(with(", mustHaveData: true").phase == AnalysisPhase::kFailed);
}

TEST_CASE("judge of series: what is no series, or has no answer, is an error and never a verdict") {
  StoreDouble store;
  store.answer(R"({"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"1"]}})");
  CHECK(said(judged(store, judgeOf(metric("errors"))))
            .starts_with("Error: metrics[0].canary: a list of numbers over time is wanted"));
  StoreDouble away;
  away.answers.push_back(http::Response{.status = 503, .headers = {}, .body = ""});
  CHECK(said(judged(away, judgeOf(metric("errors")))).starts_with("Error: metrics[0].canary: "));
}

TEST_CASE("judge of series: settings that make no sense are refused with their field") {
  const auto refusal = [](const std::string& settings) {
    const auto read = readJudgeSettings(yaml("{method: classical, " + settings + "}"));
    return read ? std::string() : describe(read.error());
  };
  CHECK(refusal("metrics: []").find("metrics: ") != std::string::npos);
  CHECK(refusal("metrics: [" + metric("a", ", direction: up") + "]").find("none of increase") != std::string::npos);
  CHECK(refusal("metrics: [" + metric("a") + ", " + metric("a") + "]").find("metrics[1]") != std::string::npos);
  CHECK(refusal("metrics: [{name: a, canary: {prometheus: {}}}]").find("stable: ") != std::string::npos);
  CHECK(refusal("metrics: [" + metric("a", ", effectSize: {allowedDecrease: 1.5}") + "]").find("allowedDecrease") !=
        std::string::npos);
  CHECK(describe(readJudgeSettings(yaml("{metrics: [" + metric("a") + "]}")).error()).find("method: classical") !=
        std::string::npos);
  CHECK(refusal("metrics: [" + metric("a") + "], groupWeights: {a: much}").find("groupWeights.a") != std::string::npos);
}

}  // namespace towpath::metrics
