// Kayenta, by a double of its REST API.
#include "store_double.h"

namespace towpath::metrics {
namespace {

constexpr const char* kProvider = R"({kayenta: {address: 'http://k:8090', application: shop, canaryConfigName: slo,
  metricsAccountName: prom, configurationAccountName: conf, storageAccountName: store, threshold: {pass: 90, marginal: 75},
  scopes: [{name: default, controlScope: {scope: a, region: r, step: 60}, experimentScope: {scope: b, region: r, step: 60}}]}})";

struct Canary : StoreDouble {
  model::Measurement begin() {
    answer(R"([{"id":"c0","name":"other"},{"id":"c1","name":"slo","updatedTimestamp":1}])");
    answer(R"({"canaryExecutionId":"01H"})");
    model::Measurement measurement = measure(kProvider);
    answers.clear();
    return measurement;
  }
};

}  // namespace

TEST_CASE("kayenta: the configuration is looked up, and an analysis begun") {
  Canary store;
  const model::Measurement measurement = store.begin();
  CHECK(measurement.phase == AnalysisPhase::kRunning);
  CHECK(measurement.metadata.at("canaryExecutionId") == "01H");
  CHECK(*measurement.resume_at - *measurement.started_at == 15s);
  REQUIRE(store.asked.size() == 2);
  CHECK(store.asked[0].url == "http://k:8090/canaryConfig?application=shop&configurationAccountName=store");
  CHECK(store.asked[1].url ==
        "http://k:8090/canary/"
        "c1?application=shop&configurationAccountName=conf&metricsAccountName=prom&storageAccountName=store");
  const Value body = store.lastBody();
  CHECK(body["thresholds"]["pass"] == Value(90));
  CHECK(body["scopes"]["default"]["controlScope"]["location"].asString() == "r");
  CHECK(body["scopes"]["default"]["experimentScope"]["end"].asString() == "2026-01-01T12:00:00Z");
}

TEST_CASE("kayenta: the score decides") {
  Canary store;
  const model::Measurement begun = store.begin();
  const auto judge = [&](std::string_view answer) {
    store.answerOnly(std::string(answer));
    return store.resume(kProvider, begun);
  };
  CHECK(judge(R"({"complete":false})").phase == AnalysisPhase::kRunning);
  for (const auto& [score, phase] :
       {std::pair("100", "Successful"), std::pair("90.9", "Successful"), std::pair("89.9", "Inconclusive"),
        std::pair("75", "Inconclusive"), std::pair("74.9", "Failed"), std::pair("0", "Failed")}) {
    const auto measurement =
        judge(fmt::format(R"({{"complete":true,"result":{{"judgeResult":{{"score":{{"score":{}}}}}}}}})", score));
    CHECK(toString(measurement.phase) == std::string(phase));
    CHECK(measurement.value == std::string(score).substr(0, std::string(score).find('.')));
    CHECK(measurement.finished_at.has_value());
  }
  CHECK(said(judge("{}")) == "Error: Missing Complete Status");
  CHECK(said(judge(R"({"complete":true})")) == "Error: Missing Score");
  CHECK(store.last().url == "http://k:8090/canary/01H");
}

TEST_CASE("kayenta: what goes wrong at the beginning") {
  StoreDouble store;
  store.answer("[]");
  CHECK(said(store.measure(kProvider)) == "Error: Canary config not found");
  store.answerOnly("", 500);
  CHECK(said(store.measure(kProvider)) == "Error: Invalid Response: HTTP 500");
  store.answers.clear();
  store.answer(R"([{"id":"c1","name":"slo"}])");
  store.answer("{}");
  CHECK(said(store.measure(kProvider)) == "Error: Invalid canaryExecutionId");
  store.answers.clear();
  store.answer(R"([{"id":"c1","name":"slo"}])");
  std::string half(kProvider);
  half.replace(half.find("scope: a,"), 9, "scope: a, start: '2026-01-01T00:00:00Z',");
  CHECK(said(store.measure(half)) ==
        "Error: controlScope.start and experimentScope.start must both be set or be empty");
}

}  // namespace towpath::metrics
