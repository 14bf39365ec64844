#pragma once
// The classical canary judge, as users of Kayenta know it: each metric is a series of the canary (experiment) and one
// of the stable version (control); a Mann-Whitney test with an effect size classifies it; groups have scores, weighted
// to one of 0 to 100, against pass and marginal. Pure.
//
// It answers once, about series of a fixed length. Asked again and again it cries wolf more and more often: where that
// matters use the sequential judge.
//
// Source of the rules: Kayenta's documents canary-config.md and canary-judge (NetflixACAJudge, version 1.0): confidence
// 98 %, a shift counts beyond a quarter of its own estimate. Two differences, both where Kayenta lets bad versions pass
// or fails for want of data: a rise from a mean of 0 has an infinite ratio (Kayenta: 1, which an allowance hides), and
// a group without data takes its weight with it (Kayenta: it lowers the score).

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace towpath::judge {

enum class SeriesDirection { kIncrease, kDecrease, kEither };  // which change is a failure
enum class NanStrategy {
  kRemove,   // values that are not there are left out
  kReplace,  // they count as 0, as for errors that nobody counted
};

struct SeriesMetric {
  std::string name;
  std::vector<std::string> groups;
  SeriesDirection direction = SeriesDirection::kEither;
  NanStrategy nan = NanStrategy::kRemove;
  bool critical = false;         // its failure alone makes the score 0
  bool must_have_data = false;   // without data it is a failure, not left out
  bool remove_outliers = false;  // beyond three interquartile ranges
  // Effect size, canary's mean over the stable version's: within these a significant change is none.
  double allowed_increase = 1, allowed_decrease = 1;
  // A critical metric fails the whole only beyond these.
  double critical_increase = 1, critical_decrease = 1;

  std::vector<double> experiment, control;  // NaN: no value at that time
};

enum class SeriesClass { kPass, kHigh, kLow, kNoData, kNoDataFail };
const char* toString(SeriesClass classification);

struct SeriesResult {
  std::string name;
  SeriesClass classification = SeriesClass::kPass;
  bool critical_failure = false;
  double ratio = 1;  // of the means
  std::string reason;
};

struct ClassicalOptions {
  std::map<std::string, double> group_weights;  // percent; groups that are not named share what is left
  double pass = 95, marginal = 75;
  double confidence = 0.98;
  double tolerance = 0.25;
};

enum class ScoreClass { kPass, kMarginal, kFail, kNoData };
const char* toString(ScoreClass classification);

struct ClassicalReport {
  ScoreClass classification = ScoreClass::kNoData;
  double score = 0;
  std::map<std::string, double> group_scores;  // groups with data
  std::vector<SeriesResult> metrics;
  std::string reason;
};

SeriesResult judgeSeries(const SeriesMetric& metric, const ClassicalOptions& options);
ClassicalReport judgeClassically(const std::vector<SeriesMetric>& metrics, const ClassicalOptions& options);

}  // namespace towpath::judge
