#include "judge/classical.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "judge/mann_whitney.h"

namespace towpath::judge {
namespace {

constexpr double kOutlierRanges = 3;

double meanOf(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double quantileOf(const std::vector<double>& sorted, double quantile) {
  const double at = quantile * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - static_cast<double>(low));
}

void removeOutliers(std::vector<double>& values) {
  if (values.size() < 4) return;
  std::vector<double> sorted = values;
  std::ranges::sort(sorted);
  const double low = quantileOf(sorted, 0.25);
  const double high = quantileOf(sorted, 0.75);
  const double reach = kOutlierRanges * (high - low);
  std::erase_if(values, [&](double value) { return value < low - reach || value > high + reach; });
}

std::vector<double> prepared(std::vector<double> values, const SeriesMetric& metric) {
  if (metric.nan == NanStrategy::kReplace) {
    for (double& value : values) value = std::isnan(value) ? 0 : value;
  } else {
    std::erase_if(values, [](double value) { return std::isnan(value); });
  }
  if (metric.remove_outliers) removeOutliers(values);
  return values;
}

// A series without any value is zeroes as long as the other one, if that is how missing values are read.
void replaceMissing(std::vector<double>& experiment, std::vector<double>& control, NanStrategy strategy) {
  if (strategy != NanStrategy::kReplace) return;
  if (experiment.empty()) experiment.assign(control.size(), 0.0);
  if (control.empty()) control.assign(experiment.size(), 0.0);
}

SeriesResult withoutData(const SeriesMetric& metric) {
  SeriesResult result{.name = metric.name, .classification = SeriesClass::kNoData};
  // Both empty and read as zeroes: nothing happened on either side.
  if (metric.nan == NanStrategy::kReplace && !metric.must_have_data) {
    result.classification = SeriesClass::kPass;
    return result;
  }
  result.reason = "no data";
  if (metric.must_have_data) result.classification = SeriesClass::kNoDataFail;
  result.critical_failure = metric.critical;
  return result;
}

bool isFailure(SeriesClass classification) {
  return classification == SeriesClass::kHigh || classification == SeriesClass::kLow ||
         classification == SeriesClass::kNoDataFail;
}

std::map<std::string, double> groupScores(const std::vector<SeriesMetric>& metrics,
                                          const std::vector<SeriesResult>& results) {
  struct Count {
    double passed = 0, all = 0;
  };
  std::map<std::string, Count> counts;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (results[i].classification == SeriesClass::kNoData) continue;
    const std::vector<std::string> none{""};
    for (const std::string& group : metrics[i].groups.empty() ? none : metrics[i].groups) {
      counts[group].passed += isFailure(results[i].classification) ? 0 : 1;
      counts[group].all += 1;
    }
  }
  std::map<std::string, double> scores;
  for (const auto& [group, count] : counts) scores[group] = 100 * count.passed / count.all;
  return scores;
}

// Weights of the groups that have data, so that one without data neither fails nor passes the others.
double weightedScore(const std::map<std::string, double>& scores, const std::map<std::string, double>& weights) {
  double named = 0;
  double unnamed = 0;
  for (const auto& [group, weight] : weights) named += weight;
  for (const auto& [group, score] : scores) unnamed += weights.contains(group) ? 0 : 1;
  const double rest = unnamed > 0 ? std::max(100 - named, 0.0) / unnamed : 0;
  double sum = 0;
  double all = 0;
  for (const auto& [group, score] : scores) {
    const auto known = weights.find(group);
    const double weight = known == weights.end() ? rest : known->second;
    sum += weight * score;
    all += weight;
  }
  return all > 0 ? sum / all : 0;
}

}  // namespace

const char* toString(SeriesClass classification) {
  switch (classification) {
    case SeriesClass::kPass:
      return "Pass";
    case SeriesClass::kHigh:
      return "High";
    case SeriesClass::kLow:
      return "Low";
    case SeriesClass::kNoData:
      return "Nodata";
    case SeriesClass::kNoDataFail:
      return "NodataFailMetric";
  }
  return "";
}

const char* toString(ScoreClass classification) {
  switch (classification) {
    case ScoreClass::kPass:
      return "Pass";
    case ScoreClass::kMarginal:
      return "Marginal";
    case ScoreClass::kFail:
      return "Fail";
    case ScoreClass::kNoData:
      return "Nodata";
  }
  return "";
}

SeriesResult judgeSeries(const SeriesMetric& metric, const ClassicalOptions& options) {
  std::vector<double> experiment = prepared(metric.experiment, metric);
  std::vector<double> control = prepared(metric.control, metric);
  replaceMissing(experiment, control, metric.nan);
  if (experiment.empty() || control.empty()) return withoutData(metric);
  SeriesResult result{.name = metric.name};
  const double mean = meanOf(control);
  const double mean_of_experiment = meanOf(experiment);
  // Over nothing, anything is beyond every allowance.
  if (mean != 0)
    result.ratio = mean_of_experiment / mean;
  else if (mean_of_experiment != 0)
    result.ratio = std::copysign(std::numeric_limits<double>::infinity(), mean_of_experiment);
  const Shift shift = mannWhitney(std::move(experiment), std::move(control), options.confidence);
  const double enough = options.tolerance * std::abs(shift.estimate);
  if (metric.direction != SeriesDirection::kDecrease && shift.low > enough && result.ratio >= metric.allowed_increase) {
    result.classification = SeriesClass::kHigh;
    result.critical_failure = metric.critical && result.ratio >= metric.critical_increase;
  } else if (metric.direction != SeriesDirection::kIncrease && shift.high < -enough &&
             result.ratio <= metric.allowed_decrease) {
    result.classification = SeriesClass::kLow;
    result.critical_failure = metric.critical && result.ratio <= metric.critical_decrease;
  }
  if (isFailure(result.classification)) {
    result.reason = fmt::format("{} than the stable version by {:.4g} (between {:.4g} and {:.4g}), mean ratio {:.3g}",
                                result.classification == SeriesClass::kHigh ? "higher" : "lower",
                                std::abs(shift.estimate), shift.low, shift.high, result.ratio);
  }
  return result;
}

ClassicalReport judgeClassically(const std::vector<SeriesMetric>& metrics, const ClassicalOptions& options) {
  ClassicalReport report;
  for (const SeriesMetric& metric : metrics) report.metrics.push_back(judgeSeries(metric, options));
  report.group_scores = groupScores(metrics, report.metrics);
  const auto critical = std::ranges::find(report.metrics, true, &SeriesResult::critical_failure);
  if (critical != report.metrics.end()) {
    report.classification = critical->classification == SeriesClass::kNoData ? ScoreClass::kNoData : ScoreClass::kFail;
    report.reason = fmt::format("critical metric {}: {}", critical->name, critical->reason);
    return report;
  }
  if (report.group_scores.empty()) {
    report.reason = "no metric has data";
    return report;
  }
  report.score = weightedScore(report.group_scores, options.group_weights);
  report.classification = report.score >= options.pass       ? ScoreClass::kPass
                          : report.score >= options.marginal ? ScoreClass::kMarginal
                                                             : ScoreClass::kFail;
  for (const SeriesResult& metric : report.metrics) {
    if (!isFailure(metric.classification)) continue;
    report.reason += (report.reason.empty() ? "" : "; ") + metric.name + ": " + metric.reason;
  }
  return report;
}

}  // namespace towpath::judge
