#include "play/analysis_play.h"

#include <doctest/doctest.h>

#include "examples.h"
#include "play/analysis_spec.h"

namespace towpath::play {
namespace {

using examples::read;

Value oneMetric(std::string_view metric, std::string_view more = "") {
  return read(fmt::format(R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: errors}}
spec:
  metrics: [{{name: error-ratio, {}}}]
  {}
)",
                          metric, more));
}

constexpr const char* kWeb = "provider: {web: {url: 'http://m'}}";

AnalysisOutcome play(const Value& object, std::string_view csv) {
  const Result<AnalysisSpec> spec = analysisOf({object}, "", {}, Secrets::kStandIn);
  REQUIRE_MESSAGE(spec, (spec ? "" : describe(spec.error())));
  const Result<Trace> trace = Trace::parse(csv, "trace.csv");
  REQUIRE(trace);
  const Result<AnalysisOutcome> outcome = playAnalysis(spec->run, *trace);
  REQUIRE_MESSAGE(outcome, (outcome ? "" : describe(outcome.error())));
  return *outcome;
}

std::vector<long> secondsOf(const AnalysisOutcome& outcome) {
  std::vector<long> seconds;
  for (const PlayedMeasurement& played : outcome.measurements) {
    seconds.push_back(std::chrono::floor<std::chrono::seconds>(played.at).count());
  }
  return seconds;
}

TEST_CASE("a counted metric is measured at its interval until its verdict") {
  const Value object = oneMetric(fmt::format("interval: 10s, count: 3, successCondition: result < 0.05, {}", kWeb));
  const AnalysisOutcome good = play(object, "time,error-ratio\n0,0.01\n60,0.9\n");
  CHECK(good.decided);
  CHECK(good.status.phase == model::AnalysisPhase::kSuccessful);
  CHECK(secondsOf(good) == std::vector<long>{0, 10, 20});
  CHECK(good.ended_at == 20s);
  CHECK(good.measurements[0].measurement.value == "0.01");
  CHECK(good.measurements[0].conditions ==
        std::vector<analysis::ConditionValue>{{"successCondition", "result < 0.05", "true"}});
}

TEST_CASE("the verdict falls at the measurement that passes the limit") {
  const Value object = oneMetric(
      fmt::format("interval: 10s, failureLimit: 1, initialDelay: 5s, successCondition: result < 0.05, {}", kWeb));
  const AnalysisOutcome bad = play(object, "time,error-ratio\n0,0.01\n14,0.2\n300,0.2\n");
  CHECK(bad.status.phase == model::AnalysisPhase::kFailed);
  CHECK(secondsOf(bad) == std::vector<long>{5, 15, 25});
  CHECK(bad.ended_at == 25s);
  CHECK(bad.status.message.contains("failed (2) > failureLimit (1)"));
}

TEST_CASE("a metric without an end is ended with the trace, as a background analysis with its update") {
  const Value object = oneMetric(fmt::format("interval: 10s, successCondition: result < 0.05, {}", kWeb));
  const AnalysisOutcome held = play(object, "time,error-ratio\n0,0.01\n25,0.02\n");
  CHECK(held.decided);
  CHECK(held.status.phase == model::AnalysisPhase::kSuccessful);
  CHECK(held.ended_at == 25s);
  CHECK(secondsOf(held) == std::vector<long>{0, 10, 20});
}

TEST_CASE("a trace that is too short for the count decides nothing") {
  const Value object = oneMetric(fmt::format("interval: 10s, count: 5, successCondition: result < 0.05, {}", kWeb));
  const AnalysisOutcome open = play(object, "time,error-ratio\n0,0.01\n20,0.01\n");
  CHECK_FALSE(open.decided);
  CHECK(secondsOf(open) == std::vector<long>{0, 10, 20});
}

TEST_CASE("a gap in the trace is a metric that cannot be measured") {
  const Value object =
      oneMetric(fmt::format("interval: 60s, consecutiveErrorLimit: 2, successCondition: result < 0.05, {}", kWeb));
  const AnalysisOutcome gone = play(object, "time,error-ratio\n0,0.01\n30,\n600,\n");
  CHECK(gone.status.phase == model::AnalysisPhase::kError);
  CHECK(secondsOf(gone) == std::vector<long>{0, 60, 70, 80});  // errors are tried again after 10 s
  CHECK(gone.measurements[1].measurement.message == "no data in the trace at this time");
}

TEST_CASE("a condition that cannot be evaluated says why") {
  const Value object = oneMetric(fmt::format("successCondition: result > 5, {}", kWeb));
  const AnalysisOutcome bad = play(object, "time,error-ratio\n0,slow\n60,slow\n");
  CHECK(bad.measurements[0].conditions[0].value.starts_with("error: "));
  CHECK(bad.measurements[0].measurement.phase == model::AnalysisPhase::kError);
}

TEST_CASE("a recorded number is what the provider would have measured") {
  const auto phase = [](const char* condition, const char* provider) {
    const Value object = oneMetric(fmt::format("successCondition: \"{}\", provider: {{{}}}", condition, provider));
    return play(object, "time,error-ratio\n0,0.01\n").status.phase;
  };
  CHECK(phase("result[0] < 0.05", "prometheus: {query: a}") == model::AnalysisPhase::kSuccessful);
  CHECK(phase("result < 0.05", "prometheus: {query: a}") == model::AnalysisPhase::kSuccessful);
  CHECK(phase("all(result, # < 0.05)", "graphite: {address: 'http://g', query: a}") ==
        model::AnalysisPhase::kSuccessful);
}

TEST_CASE("a job's verdict is read from the trace") {
  const Value object = oneMetric("provider: {job: {spec: {template: {spec: {containers: [{name: a, image: a}]}}}}}");
  CHECK(play(object, "time,error-ratio\n0,Failed\n").status.phase == model::AnalysisPhase::kFailed);
  CHECK(play(object, "time,error-ratio\n0,Successful\n").status.phase == model::AnalysisPhase::kSuccessful);
}

TEST_CASE("each metric needs its column") {
  const Result<AnalysisSpec> spec =
      analysisOf({oneMetric(fmt::format("successCondition: result < 1, {}", kWeb))}, "", {}, Secrets::kStandIn);
  REQUIRE(spec);
  const auto outcome = playAnalysis(spec->run, *Trace::parse("time,latency\n0,1\n", "t.csv"));
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().message.contains("no column \"error-ratio\""));
  CHECK(outcome.error().message.contains("latency"));
}

TEST_CASE("arguments are given by hand, and what is missing is named") {
  const Value object = oneMetric("successCondition: 'result < {{args.limit}}', provider: {web: {url: 'http://m'}}",
                                 "args: [{name: limit}]");
  const auto make = [&](const api::ArgumentValues& given) {
    return analysisOf({object}, "", given, Secrets::kStandIn);
  };
  CHECK(make({{"limit", "0.5"}})->run.metrics[0].success_condition == "result < 0.5");
  CHECK(describe(make({}).error()) ==
        "AnalysisTemplate \"errors\": args.limit was not resolved: give it with --arg NAME=VALUE");
  CHECK(describe(make({{"limit", "1"}, {"limits", "2"}}).error()).contains("no argument \"limits\" is declared"));
  CHECK(parseArgument("a=b=c") == std::pair<std::string, std::string>("a", "b=c"));
  CHECK_FALSE(parseArgument("a"));
}

TEST_CASE("a secret argument has to be given only where something is measured") {
  const Value object = oneMetric("successCondition: result, provider: {web: {url: 'http://m/{{args.token}}'}}",
                                 "args: [{name: token, valueFrom: {secretKeyRef: {name: s, key: k}}}]");
  CHECK(analysisOf({object}, "", {}, Secrets::kStandIn));
  CHECK(describe(analysisOf({object}, "", {}, Secrets::kMustBeGiven).error()).contains("--arg token=VALUE"));
  const auto given = analysisOf({object}, "", {{"token", "t"}}, Secrets::kMustBeGiven);
  REQUIRE(given);
  CHECK(given->metrics[0]["provider"]["web"]["url"].asStringView() == "http://m/t");

  const Value secret =
      read("{kind: Secret, metadata: {name: s, namespace: other}, stringData: {k: told}, data: {l: b3RoZXI=}}");
  const auto of_file = analysisOf({object, secret}, "", {}, Secrets::kMustBeGiven);
  REQUIRE(of_file);
  CHECK(of_file->metrics[0]["provider"]["web"]["url"].asStringView() == "http://m/told");
  const auto told = analysisOf({object, secret}, "", {{"token", "t"}}, Secrets::kMustBeGiven);
  CHECK(told->metrics[0]["provider"]["web"]["url"].asStringView() == "http://m/t");
  CHECK(secretsOf({secret})->at("s") == std::map<std::string, std::string>{{"k", "told"}, {"l", "other"}});
  CHECK(secretsOf({read("{kind: Secret, metadata: {name: s}, data: {k: '?'}}")}).error().message ==
        "Secret \"s\": data.k is not base64; plain text belongs in stringData");
}

TEST_CASE("of several analyses the one that takes the others in is meant, else one has to be named") {
  Value inner = oneMetric(fmt::format("successCondition: result, {}", kWeb));
  const Value outer = read(
      "{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: all}, spec: {templates: "
      "[{templateName: errors}]}}");
  CHECK(analysisOf({inner, outer}, "", {}, Secrets::kStandIn)->name == "all");
  CHECK(analysisOf({inner, outer}, "errors", {}, Secrets::kStandIn)->name == "errors");
  Value other = inner;
  other["metadata"]["name"] = "latency";
  CHECK(describe(analysisOf({inner, other}, "", {}, Secrets::kStandIn).error())
            .contains("name the one that is meant (errors, latency"));
  CHECK(describe(analysisOf({}, "", {}, Secrets::kStandIn).error()).contains("no AnalysisTemplate"));
}

}  // namespace
}  // namespace towpath::play
