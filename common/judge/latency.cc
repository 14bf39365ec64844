#include "judge/latency.h"

#include <cmath>

namespace towpath::judge {
namespace {

// Slower than the quantile of both together. Bins above the one where the quantile lies, so that both versions are cut
// at the same value.
ArmPair slowOnes(const sketch::Sketch& canary, const sketch::Sketch& stable, double quantile) {
  sketch::Sketch both = canary;
  both.merge(stable);
  ArmPair pair{.canary = {.requests = canary.count()}, .stable = {.requests = stable.count()}};
  if (both.empty()) return pair;
  const sketch::BinIndex cut = sketch::binOf(static_cast<std::uint64_t>(both.quantile(quantile)));
  pair.canary.events = canary.countAbove(cut);
  pair.stable.events = stable.countAbove(cut);
  return pair;
}

}  // namespace

Observation latencyObservation(const sketch::Sketch& canary, const sketch::Sketch& stable, double quantile,
                               double smallest_ratio) {
  Observation observation{.arms = slowOnes(canary, stable, quantile),
                          .tolerated = slowOnes(canary, stable.scaled(smallest_ratio), quantile)};
  const double of_canary = canary.quantile(quantile);
  const double of_stable = stable.quantile(quantile);
  if (of_canary > 0 && of_stable > 0) observation.log_ratio = std::log(of_canary / of_stable);
  return observation;
}

}  // namespace towpath::judge
