#include <doctest/doctest.h>

#include "model/rollout.h"

namespace towpath::model {
namespace {

const WallTime kThen = WallTime(std::chrono::seconds(100));
const WallTime kNow = WallTime(std::chrono::seconds(200));

Condition condition(const char* type, ConditionStatus status, const char* reason, WallTime at) {
  return {type, status, reason, "message", at, at};
}

TEST_CASE("a condition is replaced when its status or reason changes, and moves to the end") {
  Conditions list = {condition("A", ConditionStatus::kTrue, "One", kThen),
                     condition("B", ConditionStatus::kTrue, "X", kThen)};
  CHECK_FALSE(setCondition(list, condition("A", ConditionStatus::kTrue, "One", kNow)));
  CHECK(list[0].last_update_time == kThen);

  CHECK(setCondition(list, condition("A", ConditionStatus::kTrue, "Two", kNow)));
  CHECK(list[1].type == "A");
  CHECK(list[1].last_update_time == kNow);
  CHECK(list[1].last_transition_time == kThen);  // the status is the same

  CHECK(setCondition(list, condition("A", ConditionStatus::kFalse, "Two", kNow)));
  CHECK(list[1].last_transition_time == kNow);

  CHECK(setCondition(list, condition("B", ConditionStatus::kTrue, "X", kNow), ConditionWrite::kAlways));
  CHECK(list[1].type == "B");
  CHECK(list[1].last_transition_time == kThen);
  CHECK_FALSE(setCondition(list, condition("B", ConditionStatus::kTrue, "X", kNow), ConditionWrite::kAlways));

  CHECK(removeCondition(list, "A"));
  CHECK_FALSE(removeCondition(list, "A"));
  CHECK(findCondition(list, "A") == nullptr);
  CHECK(hasReason(list, "B", "X"));
}

TEST_CASE("pause durations") {
  struct Row {
    const char* text;
    Duration want;
  };
  for (const Row& row : {Row{"30", 30s}, Row{"0", 0s}, Row{"30s", 30s}, Row{"1h30m", 5400s}, Row{"0.5s", 0s},
                         Row{"1.9s", 1s}, Row{"1.5m", 90s}}) {
    CAPTURE(std::string(row.text));
    const Result<Duration> parsed = parsePauseDuration(row.text);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == row.want);
  }
  for (const char* bad : {"", "-1", "-1s", "1d", "ten", "10 s"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(parsePauseDuration(bad).has_value());
  }
}

TEST_CASE("steps as events name them") {
  CHECK(toString(Step(SetWeightStep{20})) == "setWeight: 20");
  CHECK(toString(Step(PauseStep{})) == "pause");
  CHECK(toString(Step(PauseStep{3s, "3s"})) == "pause: 3s");
  CHECK(toString(Step(SetCanaryScaleStep{std::nullopt, 25, false})) == "setCanaryScale{weight: 25}");
  CHECK(toString(Step(SetCanaryScaleStep{3, std::nullopt, false})) == "setCanaryScale{replicas: 3}");
  CHECK(toString(Step(SetCanaryScaleStep{std::nullopt, std::nullopt, true})) ==
        "setCanaryScale{matchTrafficWeight: true}");
  CHECK(toString(Step(AnalysisStep{})) == "analysis");
  CHECK(toString(Step(ExperimentStep{})) == "experiment");
  CHECK(toString(Step(PluginStep{"a/b"})) == "plugin: a/b");
  CHECK(toString(Step(SetHeaderRouteStep{"h", {}})) == "setHeaderRoute: h");
  CHECK(toString(Step(InvalidStep{})) == "invalid");
}

TEST_CASE("enums read back what they write; unknown text is none") {
  for (const RolloutPhase phase :
       {RolloutPhase::kProgressing, RolloutPhase::kPaused, RolloutPhase::kHealthy, RolloutPhase::kDegraded}) {
    CHECK(parseRolloutPhase(toString(phase)) == phase);
  }
  CHECK(parseRolloutPhase("Sleeping") == RolloutPhase::kNone);
  for (const AnalysisPhase phase : {AnalysisPhase::kPending, AnalysisPhase::kRunning, AnalysisPhase::kSuccessful,
                                    AnalysisPhase::kFailed, AnalysisPhase::kError, AnalysisPhase::kInconclusive}) {
    CHECK(parseAnalysisPhase(toString(phase)) == phase);
    CHECK(isCompleted(phase) == (phase != AnalysisPhase::kPending && phase != AnalysisPhase::kRunning));
  }
  CHECK(parseAnalysisPhase("") == AnalysisPhase::kNone);
  for (const PauseReason reason : {PauseReason::kCanaryPauseStep, PauseReason::kBlueGreenPause,
                                   PauseReason::kInconclusiveAnalysisRun, PauseReason::kInconclusiveExperiment}) {
    CHECK(parsePauseReason(toString(reason)) == reason);
  }
  CHECK_FALSE(parsePauseReason("Tea").has_value());
  CHECK(parseConditionStatus("True") == ConditionStatus::kTrue);
  CHECK(parseConditionStatus("maybe") == ConditionStatus::kUnknown);
}

}  // namespace
}  // namespace towpath::model
