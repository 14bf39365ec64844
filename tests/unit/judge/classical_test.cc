#include "judge/classical.h"

#include <doctest/doctest.h>

#include <cmath>

#include "judge/mann_whitney.h"

namespace towpath::judge {
namespace {

const double kNan = std::nan("");
const std::vector<double> kUsual{10, 12, 11, 13, 9, 10, 12, 11, 10, 12, 11, 13};

std::vector<double> times(std::vector<double> values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

SeriesMetric metric(std::string name, std::vector<double> experiment, std::vector<double> control = kUsual) {
  return {.name = std::move(name),
          .direction = SeriesDirection::kIncrease,
          .experiment = std::move(experiment),
          .control = std::move(control)};
}

}  // namespace

// R: wilcox.test(c(1.83,0.50,1.62,2.48,1.68,1.88,1.55,3.06,1.30), c(0.878,0.647,0.598,2.05,1.06,1.29,1.06,3.14,1.29)),
// the depression data of Hollander and Wolfe, taken as independent samples.
TEST_CASE("Mann-Whitney on a textbook's data") {
  const Shift shift = mannWhitney({1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30},
                                  {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}, 0.95);
  // U is 58 of 81 pairs.
  CHECK(shift.p_value == doctest::Approx(0.1329).epsilon(0.02));
  CHECK(shift.estimate > 0.4);
  CHECK(shift.estimate < 0.7);
  CHECK(shift.low < 0);
  CHECK(shift.high > shift.estimate);
}

TEST_CASE("equal series pass, whatever they are") {
  for (const std::vector<double>& values : {kUsual, std::vector<double>{5, 5, 5, 5}, std::vector<double>{0}}) {
    CHECK(judgeSeries(metric("m", values, values), {}).classification == SeriesClass::kPass);
  }
}

TEST_CASE("direction: only the change that is a failure fails") {
  SeriesMetric higher = metric("m", times(kUsual, 2));
  CHECK(judgeSeries(higher, {}).classification == SeriesClass::kHigh);
  higher.direction = SeriesDirection::kDecrease;
  CHECK(judgeSeries(higher, {}).classification == SeriesClass::kPass);
  SeriesMetric lower = metric("m", times(kUsual, 0.5));
  CHECK(judgeSeries(lower, {}).classification == SeriesClass::kPass);
  lower.direction = SeriesDirection::kEither;
  CHECK(judgeSeries(lower, {}).classification == SeriesClass::kLow);
}

TEST_CASE("effect size: a significant change within what is allowed passes") {
  SeriesMetric slightly = metric("m", times(kUsual, 1.4));
  CHECK(judgeSeries(slightly, {}).classification == SeriesClass::kHigh);
  slightly.allowed_increase = 1.5;
  CHECK(judgeSeries(slightly, {}).classification == SeriesClass::kPass);
}

TEST_CASE("missing values are left out or count as zero, as asked") {
  SeriesMetric sparse = metric("errors", {kNan, kNan, 5, kNan}, {kNan, kNan, kNan, kNan});
  CHECK(judgeSeries(sparse, {}).classification == SeriesClass::kNoData);
  sparse.must_have_data = true;
  CHECK(judgeSeries(sparse, {}).classification == SeriesClass::kNoDataFail);
  sparse.nan = NanStrategy::kReplace;
  CHECK(judgeSeries(sparse, {}).classification == SeriesClass::kPass);
  sparse.experiment.assign(20, 5);
  CHECK(judgeSeries(sparse, {}).classification == SeriesClass::kHigh);
}

TEST_CASE("outliers are left out where that is asked for") {
  std::vector<double> spiky = kUsual;
  spiky[3] = 100'000;
  SeriesMetric spike = metric("m", spiky);
  CHECK(judgeSeries(spike, {}).ratio > 100);
  spike.remove_outliers = true;
  CHECK(judgeSeries(spike, {}).ratio == doctest::Approx(1).epsilon(0.1));
}

TEST_CASE("groups are weighed, those without a weight share the rest") {
  SeriesMetric good = metric("good", kUsual);
  good.groups = {"latency"};
  SeriesMetric bad = metric("bad", times(kUsual, 3));
  bad.groups = {"errors"};
  const ClassicalReport report = judgeClassically({good, bad}, {.group_weights = {{"latency", 80}}});
  CHECK(report.score == doctest::Approx(80));
  CHECK(report.classification == ScoreClass::kMarginal);
  CHECK(report.group_scores == std::map<std::string, double>{{"errors", 0}, {"latency", 100}});
  CHECK(judgeClassically({good}, {}).classification == ScoreClass::kPass);
  CHECK(judgeClassically({bad}, {}).classification == ScoreClass::kFail);
}

TEST_CASE("a critical failure alone fails the whole, beyond its own limit") {
  SeriesMetric bad = metric("bad", times(kUsual, 2));
  bad.critical = true;
  bad.groups = {"small"};
  SeriesMetric good = metric("good", kUsual);
  good.groups = {"large"};
  const ClassicalOptions options{.group_weights = {{"large", 99}, {"small", 1}}};
  CHECK(judgeClassically({bad, good}, options).classification == ScoreClass::kFail);
  CHECK(judgeClassically({bad, good}, options).score == 0);
  bad.critical_increase = 3;
  CHECK(judgeClassically({bad, good}, options).classification == ScoreClass::kPass);
}

TEST_CASE("without data there is no score, and no verdict") {
  const ClassicalReport none = judgeClassically({metric("m", {}, {})}, {});
  CHECK(none.classification == ScoreClass::kNoData);
  SeriesMetric critical = metric("m", {}, {});
  critical.critical = true;
  CHECK(judgeClassically({critical, metric("other", kUsual)}, {}).classification == ScoreClass::kNoData);
}

}  // namespace towpath::judge
