#include "judge/share_test.h"

#include <algorithm>
#include <cmath>

namespace towpath::judge {
namespace {

constexpr std::array<double, kBets> kMoreRatios{1.15, 1.3, 1.6, 2, 3, 6, 25, 1000};
constexpr std::array<double, kBets> kLessRatios{0.87, 0.75, 0.6, 0.45, 0.3, 0.15, 0.05, 0.001};

constexpr const std::array<double, kBets>& ratios(Bet bet) { return bet == Bet::kMore ? kMoreRatios : kLessRatios; }

double logFactor(const Events& events, double ratio, double burst) {
  const double fair = std::log1p(events.share * (ratio - 1));
  // With fewer events than a burst has they may all be one cause; there the first factor is the greater one.
  if (burst <= 0 || events.all <= burst) return std::log1p(events.canary / events.all * (ratio - 1)) - fair;
  return (events.canary * std::log(ratio) - events.all * fair) / burst;
}

}  // namespace

ShareTest::ShareTest(Bet bet, double burst) : bet_(bet), burst_(burst) {}

void ShareTest::observe(const Events& events) {
  if (events.all <= 0 || events.share <= 0 || events.share >= 1) return;
  for (std::size_t i = 0; i < kBets; ++i) wealths_[i] += logFactor(events, ratios(bet_)[i], burst_);
}

double ShareTest::logWealth() const {
  const double most = std::ranges::max(wealths_);
  double sum = 0;
  for (const double wealth : wealths_) sum += std::exp(wealth - most);
  return most + std::log(sum / kBets);
}

void ShareTest::restore(std::span<const double, kBets> wealths) { std::ranges::copy(wealths, wealths_.begin()); }

double ShareTest::growth(const Events& events, Bet bet, double burst) {
  if (events.all <= 0 || events.share <= 0 || events.share >= 1) return 0;
  double best = 0;
  for (const double ratio : ratios(bet)) best = std::max(best, logFactor(events, ratio, burst));
  return best;
}

}  // namespace towpath::judge
