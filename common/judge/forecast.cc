#include "judge/forecast.h"

#include <algorithm>
#include <cmath>

#include "judge/share_test.h"

namespace towpath::judge {

std::optional<double> windowsToBad(const Forecast& forecast) {
  if (forecast.events <= 0 || forecast.share <= 0 || forecast.share >= 1) return std::nullopt;
  const double w = forecast.share;
  const double wrong = w * forecast.ratio / (1 - w + w * forecast.ratio);  // the bad canary's part of the events
  // What one event is worth on average, on one side or the other.
  const double few = wrong * std::log(wrong / w) + (1 - wrong) * std::log((1 - wrong) / (1 - w));
  const double many = ShareTest::growth({.canary = wrong * forecast.events, .all = forecast.events, .share = w},
                                        Bet::kMore, forecast.burst);
  // Events scatter: k of them are worth at most k times one.
  const double growth = std::min(many, forecast.events * few);
  if (growth <= 0) return std::nullopt;
  return std::max(forecast.missing, 0.0) / growth;
}

}  // namespace towpath::judge
