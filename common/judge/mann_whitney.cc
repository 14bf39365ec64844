#include "judge/mann_whitney.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

namespace towpath::judge {
namespace {

void thin(std::vector<double>& values) {
  if (values.size() <= kSampleMax) return;
  for (std::size_t i = 0; i < kSampleMax; ++i) values[i] = values[i * values.size() / kSampleMax];
  values.resize(kSampleMax);
}

// The standard deviation of U under equality, with ties among all values.
double deviation(const std::vector<double>& experiment, const std::vector<double>& control) {
  std::vector<double> all = experiment;
  all.insert(all.end(), control.begin(), control.end());
  std::ranges::sort(all);
  double ties = 0;
  for (auto at = all.begin(); at != all.end();) {
    const auto end = std::upper_bound(at, all.end(), *at);
    const auto same = static_cast<double>(end - at);
    ties += same * same * same - same;
    at = end;
  }
  const auto n = static_cast<double>(experiment.size());
  const auto m = static_cast<double>(control.size());
  const double both = n + m;
  const double variance = n * m / 12 * (both + 1 - (both > 1 ? ties / (both * (both - 1)) : 0));
  return std::sqrt(std::max(variance, 0.0));
}

}  // namespace

Shift mannWhitney(std::vector<double> experiment, std::vector<double> control, double confidence) {
  thin(experiment);
  thin(control);
  std::vector<double> differences;
  differences.reserve(experiment.size() * control.size());
  double u = 0;
  for (const double e : experiment) {
    for (const double c : control) {
      differences.push_back(e - c);
      u += e > c ? 1 : e == c ? 0.5 : 0;
    }
  }
  std::ranges::sort(differences);
  const auto pairs = static_cast<double>(differences.size());
  const double sd = deviation(experiment, control);
  const boost::math::normal normal;
  Shift shift;
  const std::size_t middle = differences.size() / 2;
  shift.estimate =
      differences.size() % 2 == 1 ? differences[middle] : (differences[middle - 1] + differences[middle]) / 2;
  const double z = boost::math::quantile(normal, 0.5 + confidence / 2);
  const double rank = std::max(std::floor(pairs / 2 - z * sd), 0.0);
  const auto outside = std::min(static_cast<std::size_t>(rank), middle);
  shift.low = differences[outside];
  shift.high = differences[differences.size() - 1 - outside];
  if (sd > 0) {
    const double distance = std::max(std::abs(u - pairs / 2) - 0.5, 0.0);  // correction for continuity
    shift.p_value = std::min(2 * boost::math::cdf(boost::math::complement(normal, distance / sd)), 1.0);
  }
  return shift;
}

}  // namespace towpath::judge
