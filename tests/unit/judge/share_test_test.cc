#include "judge/share_test.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace towpath::judge {
namespace {

double binomial(int k, int x, double p) {
  return std::exp(std::lgamma(k + 1) - std::lgamma(x + 1) - std::lgamma(k - x + 1) + x * std::log(p) +
                  (k - x) * std::log1p(-p));
}

// The wealth that one window is worth on average, if each group of `burst` events falls on the canary with probability
// `share` as a whole.
double expectedWealth(Bet bet, double told_burst, int groups, int burst, double share) {
  double sum = 0;
  for (int x = 0; x <= groups; ++x) {
    ShareTest test(bet, told_burst);
    test.observe(
        {.canary = static_cast<double>(x * burst), .all = static_cast<double>(groups * burst), .share = share});
    sum += binomial(groups, x, share) * std::exp(test.logWealth());
  }
  return sum;
}

}  // namespace

TEST_CASE("a window is worth nothing on average when the canary has its share") {
  for (const Bet bet : {Bet::kMore, Bet::kLess}) {
    for (const double share : {0.02, 0.2, 0.5, 0.9}) {
      for (const int groups : {1, 2, 7, 40}) {
        for (const int burst : {1, 2, 5, 50}) {
          CAPTURE(share);
          CAPTURE(groups);
          CAPTURE(burst);
          CHECK(expectedWealth(bet, 0, groups, burst, share) <= 1 + 1e-9);
          CHECK(expectedWealth(bet, burst, groups, burst, share) <= 1 + 1e-9);
          // Told of longer bursts than there are, it only earns less.
          CHECK(expectedWealth(bet, 3 * burst, groups, burst, share) <= 1 + 1e-9);
        }
      }
    }
  }
}

TEST_CASE("told of shorter bursts than there are, it is no bound: the test per request is for who knows") {
  CHECK(expectedWealth(Bet::kMore, 1, 4, 10, 0.2) > 2);
}

TEST_CASE("windows without events, or of one version only, change nothing") {
  ShareTest test(Bet::kMore, 0);
  test.observe({.canary = 0, .all = 0, .share = 0.5});
  test.observe({.canary = 3, .all = 3, .share = 1});
  test.observe({.canary = 0, .all = 3, .share = 0});
  CHECK(test.logWealth() == doctest::Approx(0));
}

TEST_CASE("all errors on a canary with a fifth of the traffic: 20 to 1 within four windows") {
  ShareTest test(Bet::kMore, 0);
  int windows = 0;
  while (test.logWealth() < std::log(20)) {
    test.observe({.canary = 12, .all = 12, .share = 0.2});
    ++windows;
  }
  CHECK(windows <= 4);
}

TEST_CASE("the test per request needs no second window for gross breakage") {
  ShareTest test(Bet::kMore, 1);
  test.observe({.canary = 12, .all = 12, .share = 0.2});
  CHECK(test.logWealth() > std::log(1000));
}

}  // namespace towpath::judge
