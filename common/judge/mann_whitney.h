#pragma once
// The Mann-Whitney U test of two samples, and the Hodges-Lehmann estimate of how far one lies above the other, with the
// confidence interval that belongs to the test (normal approximation with the correction for ties). Pure.
//
// Mann, Whitney 1947; Hodges, Lehmann 1963; the interval by ordered differences: Hollander, Wolfe, Chicken,
// "Nonparametric Statistical Methods", 3rd ed., 4.3.

#include <vector>

namespace towpath::judge {

struct Shift {
  double estimate = 0;  // median of all differences experiment - control
  double low = 0, high = 0;
  double p_value = 1;  // two-sided
};

// Longer samples are thinned evenly to this, so that the differences stay within 8 MB.
inline constexpr std::size_t kSampleMax = 1000;

// Neither is empty, none of the values is NaN. `confidence` such as 0.98.
Shift mannWhitney(std::vector<double> experiment, std::vector<double> control, double confidence);

}  // namespace towpath::judge
